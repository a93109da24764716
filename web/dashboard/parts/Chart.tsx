/** Lines over the last minutes, with their values as a table: the canvas says nothing to those who do not see it. */
import { useSignalEffect } from '@preact/signals'
import { useEffect, useId, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { isDark } from '../../look/theme'
import { summary } from '../state/history'
import { history, samples, type Series } from '../state/live'

export interface Line {
  series: Series
  label: string
  /** A colour of the style sheet. */
  colour: string
  /** For those who do not tell colours apart. */
  dash?: readonly number[]
}

interface Props {
  title: string
  lines: readonly Line[]
  format: (value: number | null) => string
  /** Bytes have round numbers of their own. */
  isBinary?: boolean
}

const height = 150

/** As wide as the largest label of the left axis is likely to be. */
const axisWidth = 66

export function Chart({ title, lines, format, isBinary = false }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const titleId = useId()
  const dark = isDark()

  useEffect(() => {
    const element = place.current
    if (!element) return
    const made = new uPlot(options(element, lines, format, isBinary), data(lines), element)
    plot.current = made
    const resize = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height })
    })
    resize.observe(element)
    return () => {
      resize.disconnect()
      made.destroy()
      plot.current = null
    }
    // The colours of a canvas do not follow the style sheet; lines and format are constants of the caller.
  }, [dark])

  useSignalEffect(() => {
    void samples.value
    plot.current?.setData(data(lines))
  })

  return (
    <section class="panel chart" aria-labelledby={titleId}>
      <h2 id={titleId}>{title}</h2>
      <div ref={place} class="canvas" aria-hidden="true" />
      <Values title={title} lines={lines} format={format} />
    </section>
  )
}

function Values({ title, lines, format }: Props) {
  void samples.value
  return (
    <table class="values">
      <caption class="visually-hidden">{title}: now, and over the last minutes</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="visually-hidden">Line</span>
          </th>
          <th scope="col">now</th>
          <th scope="col">mean</th>
          <th scope="col">most</th>
        </tr>
      </thead>
      <tbody>
        {lines.map(line => {
          const column = history.column(line.series)
          const over = summary(column)
          return (
            <tr key={line.series}>
              <th scope="row">
                <svg class="key" viewBox="0 0 18 4" aria-hidden="true">
                  <line
                    x1="0"
                    y1="2"
                    x2="18"
                    y2="2"
                    style={{ stroke: `var(${line.colour})`, strokeDasharray: line.dash?.join(' ') ?? 'none' }}
                  />
                </svg>
                {line.label}
              </th>
              <td>{format(column.at(-1) ?? null)}</td>
              <td>{format(over?.mean ?? null)}</td>
              <td>{format(over?.most ?? null)}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

function data(lines: readonly Line[]): uPlot.AlignedData {
  return [history.times, ...lines.map(line => history.column(line.series) as (number | null)[])]
}

function options(element: HTMLElement, lines: readonly Line[], format: (value: number | null) => string, isBinary: boolean): uPlot.Options {
  const style = getComputedStyle(element)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--text-soft'),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width: Math.max(element.clientWidth, 100),
    height,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      // Always the same width of time, so that a line that has begun does not seem to stretch.
      x: { time: true, range: (_, __, most) => [most - 300, most] },
      y: { range: (_, __, most) => [0, Number.isFinite(most) && most > 0 ? most * 1.1 : 1] },
    },
    axes: [
      { ...axis, size: 24, gap: 8, space: 70, values: (_, splits) => splits.map(at => clock.format(at * 1_000)) },
      {
        ...axis,
        size: axisWidth,
        gap: 8,
        space: 30,
        ...(isBinary ? { incrs: binaryIncrements } : {}),
        values: (_, splits) => splits.map(value => format(value)),
      },
    ],
    series: [
      {},
      ...lines.map(line => ({
        stroke: colour(line.colour),
        width: 1.75,
        points: { show: false },
        ...(line.dash ? { dash: [...line.dash] } : {}),
      })),
    ],
  }
}

/** Powers of two, from a byte to half a petabyte. */
const binaryIncrements = Array.from({ length: 50 }, (_, power) => 2 ** power)

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false })
