/** A line of the last minutes behind a figure, without axes. The figure says it in words. */
import { history, samples, type Series } from '../state/live'
import { samplesMax } from '../state/history'

const height = 28
const width = 100

export function Spark({ series }: { series: Series }) {
  void samples.value
  const values = history.column(series)
  const most = values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0)
  const step = width / (samplesMax - 1)
  const left = width - (values.length - 1) * step
  let path = ''
  let isDrawing = false
  values.forEach((value, at) => {
    if (value === null) {
      isDrawing = false
      return
    }
    const x = (left + at * step).toFixed(2)
    const y = (height - 1 - (most > 0 ? value / most : 0) * (height - 2)).toFixed(2)
    path += `${isDrawing ? 'L' : 'M'}${x} ${y}`
    isDrawing = true
  })
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={path} />
    </svg>
  )
}
