/** The drawing: strokes in a shared array. What others wrote there may be anything: it is read up to limits, and what is no stroke is passed over. */
import * as Y from 'yjs'
import { colorOf } from './palette'

export interface Point {
  x: number
  y: number
}

/** The board is so many units wide and high on every screen. */
export const boardWidth = 1600
export const boardHeight = 1000

/** Pens by name, so that ink is light on a dark board. A name stands in the document; a colour `#rrggbb` is taken too. */
export const pens = ['ink', 'red', 'orange', 'green', 'blue', 'violet'] as const
export type Pen = (typeof pens)[number]

export const widths = [4, 8, 16] as const
const widthMax = 40

/** Of a drawing with more strokes the newest are shown. */
export const strokesMax = 2_000

/** A stroke is drawn up to here; one that is drawn here goes on as another before. */
export const strokePointsMax = 4_000

/** All strokes together; older ones are left out. */
export const pointsMax = 200_000

export interface Stroke {
  /** One of `pens`, or a colour that was checked. */
  color: Pen | `#${string}`
  width: number
  /** x and y in turn, on the board. */
  points: number[]
}

const isPen = (value: unknown): value is Pen => pens.includes(value as Pen)

/** What a value in the array says, or nothing where it is no stroke. */
export function strokeOf(value: unknown): Stroke | undefined {
  if (!(value instanceof Y.Map)) return undefined
  const map = value as Y.Map<unknown>
  const written = map.get('points')
  if (!(written instanceof Y.Array)) return undefined
  const points: number[] = []
  let before: number | undefined
  // Not all at once: it may have millions.
  for (const at of written as Y.Array<unknown>) {
    if (typeof at !== 'number' || !Number.isFinite(at)) break
    if (before === undefined) {
      before = clamp(at, boardWidth)
      continue
    }
    points.push(before, clamp(at, boardHeight))
    before = undefined
    if (points.length >= strokePointsMax * 2) break
  }
  if (points.length === 0) return undefined
  const [color, width] = [map.get('color'), map.get('width')]
  return {
    color: isPen(color) ? color : ((colorOf(color) as `#${string}` | undefined) ?? 'ink'),
    width: typeof width === 'number' && width >= 1 && width <= widthMax ? width : widths[0],
    points,
  }
}

const clamp = (value: number, max: number): number => Math.min(Math.max(value, 0), max)

/** One stroke that is being drawn. */
export interface Drawing {
  add(points: Point[]): void
  end(): void
}

export class Strokes {
  readonly shared: Y.Array<unknown>
  readonly undo: Y.UndoManager
  /** What this tab does here is done under this name, and only that is undone here. */
  private readonly origin = { strokes: 'mine' }
  private readonly doc: Y.Doc

  constructor(doc: Y.Doc) {
    this.doc = doc
    this.shared = doc.getArray('strokes')
    this.undo = new Y.UndoManager(this.shared, {
      trackedOrigins: new Set([this.origin]),
      // Until somebody says otherwise, all is one step: a stroke takes as long as it takes.
      captureTimeout: Number.MAX_SAFE_INTEGER,
    })
  }

  begin(color: Pen, width: number, first: Point): Drawing {
    this.undo.stopCapturing()
    let [points, last] = [this.append(color, width, [first]), first]
    return {
      add: more => {
        const apart = more.map(rounded).filter(point => {
          if (Math.hypot(point.x - last.x, point.y - last.y) < 2) return false
          last = point
          return true
        })
        if (apart.length === 0) return
        // Somebody has cleared the board, or the stroke is long enough.
        if (points._item?.deleted !== false || points.length >= strokePointsMax) points = this.append(color, width, [last])
        this.doc.transact(() => points.push(apart.flatMap(({ x, y }) => [x, y])), this.origin)
      },
      end: () => this.undo.stopCapturing(),
    }
  }

  private append(color: Pen, width: number, points: Point[]): Y.Array<number> {
    const list = Y.Array.from(points.map(rounded).flatMap(({ x, y }) => [x, y]))
    const stroke = new Y.Map<unknown>([
      ['color', color],
      ['width', width],
      ['points', list],
    ])
    this.doc.transact(() => this.shared.push([stroke]), this.origin)
    return list
  }

  clear(): void {
    this.undo.stopCapturing()
    this.doc.transact(() => this.shared.delete(0, this.shared.length), this.origin)
    this.undo.stopCapturing()
  }
}

const rounded = ({ x, y }: Point): Point => ({ x: Math.round(clamp(x, boardWidth)), y: Math.round(clamp(y, boardHeight)) })

/** Reads strokes once, and again only where they have changed. */
export class StrokeReader {
  private readonly read = new WeakMap<object, Stroke | null>()
  private readonly shared: Y.Array<unknown>

  constructor(shared: Y.Array<unknown>) {
    this.shared = shared
  }

  /** Something below the array has changed. */
  forget(events: { target: Y.AbstractType<unknown> }[]): void {
    for (const { target } of events) {
      // Up to the stroke that it is part of.
      let at: Y.AbstractType<unknown> | null = target
      while (at !== null && at.parent !== this.shared) at = at.parent
      if (at !== null) this.read.delete(at)
    }
  }

  /** What is to be drawn, oldest first, and how many are left out. */
  strokes(): { strokes: Stroke[]; omitted: number } {
    const newest = this.shared.slice(-strokesMax).reverse()
    const strokes: Stroke[] = []
    let room = pointsMax * 2
    for (const value of newest) {
      const stroke = this.strokeOf(value)
      if (stroke === undefined) continue
      room -= stroke.points.length
      if (room < 0) break
      strokes.push(stroke)
    }
    return { strokes: strokes.reverse(), omitted: this.shared.length - strokes.length }
  }

  private strokeOf(value: unknown): Stroke | undefined {
    if (typeof value !== 'object' || value === null) return undefined
    let stroke = this.read.get(value)
    if (stroke === undefined) {
      stroke = strokeOf(value) ?? null
      this.read.set(value, stroke)
    }
    return stroke ?? undefined
  }
}
