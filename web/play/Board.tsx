/** The shared drawing board: a pen for mouse, touch and keyboard, and where the others point. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { isDark } from '../look/theme'
import { Painter } from './canvas'
import { textOn } from './palette'
import type { Session } from './session'
import { boardHeight, boardWidth, type Drawing, type Pen, type Point, pens, StrokeReader, Strokes, widths } from './strokes'

const penNames: Record<Pen, string> = { ink: 'Ink', red: 'Red', orange: 'Orange', green: 'Green', blue: 'Blue', violet: 'Violet' }
const widthNames: Record<(typeof widths)[number], string> = { 4: 'Fine', 8: 'Medium', 16: 'Broad' }

export function Board({ session }: { session: Session }) {
  const model = useMemo(() => new Strokes(session.doc), [session])
  const reader = useMemo(() => new StrokeReader(model.shared), [model])
  const canvas = useRef<HTMLCanvasElement>(null)
  const painter = useRef<Painter>(undefined)
  const [count, setCount] = useState({ shown: 0, omitted: 0 })
  const [undoable, setUndoable] = useState(false)
  const [pen, setPen] = useState<Pen>('ink')
  const [width, setWidth] = useState<number>(widths[1])
  const isReadonly = session.readonly.value

  useEffect(() => {
    if (canvas.current === null) return
    let read = reader.strokes()
    const made = new Painter(canvas.current, () => read.strokes)
    painter.current = made
    const show = () => {
      read = reader.strokes()
      setCount({ shown: read.strokes.length, omitted: read.omitted })
      made.invalidate()
    }
    const changed: Parameters<typeof model.shared.observeDeep>[0] = events => {
      reader.forget(events)
      show()
    }
    const stacked = () => setUndoable(model.undo.canUndo())
    model.shared.observeDeep(changed)
    for (const name of ['stack-item-added', 'stack-item-popped', 'stack-cleared'] as const) model.undo.on(name, stacked)
    show()
    return () => {
      model.shared.unobserveDeep(changed)
      for (const name of ['stack-item-added', 'stack-item-popped', 'stack-cleared'] as const) model.undo.off(name, stacked)
      made.destroy()
    }
  }, [model, reader])

  // Ink and paper change with the page's colours.
  const dark = isDark()
  useEffect(() => painter.current?.invalidate(), [dark])

  return (
    <section
      class="card board"
      aria-labelledby="board-title"
      onFocusIn={() => session.at('board')}
      onPointerDown={() => session.at('board')}
    >
      <div class="board-head">
        <h2 id="board-title">Drawing</h2>
        <div class="tools">
          <fieldset class="pens">
            <legend class="visually-hidden">Pen</legend>
            {pens.map(one => (
              <label key={one} class={`swatch pen-${one}`} title={penNames[one]}>
                <input type="radio" name="pen" value={one} checked={one === pen} onChange={() => setPen(one)} />
                <span class="visually-hidden">{penNames[one]}</span>
              </label>
            ))}
          </fieldset>
          <label>
            <span class="visually-hidden">Width</span>
            <select value={width} onChange={event => setWidth(Number(event.currentTarget.value))}>
              {widths.map(one => (
                <option key={one} value={one}>
                  {widthNames[one]}
                </option>
              ))}
            </select>
          </label>
          <button type="button" disabled={!undoable || isReadonly} onClick={() => model.undo.undo()}>
            Undo
          </button>
          <Clear disabled={isReadonly || count.shown + count.omitted === 0} onClear={() => model.clear()} />
        </div>
      </div>
      <Paper session={session} model={model} pen={pen} width={width} isReadonly={isReadonly} canvas={canvas} strokes={count.shown} />
      {count.omitted > 0 && <p class="soft">The newest strokes are shown, {count.omitted} more are not.</p>}
    </section>
  )
}

function Clear({ disabled, onClear }: { disabled: boolean; onClear: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  return (
    <>
      <button type="button" disabled={disabled} onClick={() => dialog.current?.showModal()}>
        Clear…
      </button>
      <dialog ref={dialog} aria-labelledby="clear-title">
        <h3 id="clear-title">Clear the board for everybody?</h3>
        <p>Undo brings it back.</p>
        <form method="dialog">
          <button type="submit">Keep it</button>
          <button type="submit" class="danger" onClick={onClear}>
            Clear the board
          </button>
        </form>
      </dialog>
    </>
  )
}

/** So far an arrow key moves the pen, in units of the board. */
const keyStep = 20
const keySteps: Record<string, Point> = {
  ArrowLeft: { x: -keyStep, y: 0 },
  ArrowRight: { x: keyStep, y: 0 },
  ArrowUp: { x: 0, y: -keyStep },
  ArrowDown: { x: 0, y: keyStep },
}

interface PaperProps {
  session: Session
  model: Strokes
  pen: Pen
  width: number
  isReadonly: boolean
  canvas: { current: HTMLCanvasElement | null }
  strokes: number
}

function Paper({ session, model, pen, width, isReadonly, canvas, strokes }: PaperProps) {
  const drawing = useRef<Drawing>(undefined)
  /** Where the keyboard's pen is, and whether it is down. */
  const [hand, setHand] = useState<{ at: Point; isDown: boolean } | undefined>(undefined)
  const at = (event: PointerEvent): Point => {
    const { left, top, width: wide, height: high } = (canvas.current as HTMLCanvasElement).getBoundingClientRect()
    return { x: ((event.clientX - left) / wide) * boardWidth, y: ((event.clientY - top) / high) * boardHeight }
  }
  const inside = ({ x, y }: Point): Point | null => (x >= 0 && x <= boardWidth && y >= 0 && y <= boardHeight ? { x, y } : null)
  const end = () => {
    drawing.current?.end()
    drawing.current = undefined
  }

  const key = (event: KeyboardEvent) => {
    const step = keySteps[event.key]
    const { at: from, isDown } = hand ?? { at: { x: boardWidth / 2, y: boardHeight / 2 }, isDown: false }
    if (step !== undefined) {
      event.preventDefault()
      const far = event.shiftKey ? 5 : 1
      const to = {
        x: Math.min(Math.max(from.x + step.x * far, 0), boardWidth),
        y: Math.min(Math.max(from.y + step.y * far, 0), boardHeight),
      }
      setHand({ at: to, isDown })
      if (isDown) drawing.current?.add([to])
      session.point(to)
    } else if (event.key === ' ' && !isReadonly) {
      event.preventDefault()
      if (isDown) end()
      else drawing.current = model.begin(pen, width, from)
      setHand({ at: from, isDown: !isDown })
    } else if (event.key === 'z' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault()
      model.undo.undo()
    }
  }

  return (
    <div
      class={`paper ${isReadonly ? '' : 'drawable'}`}
      // Neither picture nor button: what the keys do here is said in its description.
      role="application"
      aria-roledescription="drawing board"
      aria-label={`Drawing board, ${strokes} ${strokes === 1 ? 'stroke' : 'strokes'}`}
      aria-describedby="board-keys"
      tabIndex={0}
      onKeyDown={key}
      onBlur={() => {
        end()
        setHand(undefined)
        session.point(null)
      }}
      onPointerDown={event => {
        if (isReadonly || event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        end()
        drawing.current = model.begin(pen, width, at(event))
      }}
      onPointerMove={event => {
        session.point(inside(at(event)))
        // All that the hand did since the last frame, not only where it is now.
        const all = event.getCoalescedEvents()
        if (event.buttons !== 0) drawing.current?.add((all.length > 0 ? all : [event]).map(at))
      }}
      onPointerUp={end}
      onPointerCancel={end}
      onPointerLeave={() => session.point(null)}
    >
      <canvas ref={canvas} />
      <p id="board-keys" class="visually-hidden">
        Arrow keys move the pen, with Shift in larger steps. Space puts it down and lifts it. Control and Z undoes the last stroke.
      </p>
      {hand && <Mark at={hand.at} class={`hand ${hand.isDown ? 'down' : ''}`} />}
      {session.peers.value.peers.map(
        peer =>
          peer.pointer && (
            <Mark key={peer.id} at={peer.pointer} class="pointer" color={peer.color}>
              <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                <path d="M1 1l5 13 2.3-5.2L14 6.4z" />
              </svg>
              <span class="peer-name" dir="auto">
                {peer.name}
              </span>
            </Mark>
          ),
      )}
    </div>
  )
}

interface MarkProps {
  at: Point
  class: string
  color?: string
  children?: preact.ComponentChildren
}

function Mark({ at, class: kind, color, children }: MarkProps) {
  const who = color === undefined ? {} : { '--who': color, '--on-who': textOn(color) }
  return (
    <span class={kind} aria-hidden="true" style={{ left: `${(at.x / boardWidth) * 100}%`, top: `${(at.y / boardHeight) * 100}%`, ...who }}>
      {children}
    </span>
  )
}
