/** Paints strokes on a canvas, at most once a frame. Knows nothing of documents. */
import { boardHeight, boardWidth, type Stroke } from './strokes'

export class Painter {
  private readonly canvas: HTMLCanvasElement
  private readonly strokes: () => Stroke[]
  private readonly colors: () => CSSStyleDeclaration
  /** A stroke that has not changed is the same object, and keeps its path. */
  private readonly paths = new WeakMap<Stroke, Path2D>()
  private readonly resized: ResizeObserver
  private frame = 0

  constructor(canvas: HTMLCanvasElement, strokes: () => Stroke[]) {
    this.canvas = canvas
    this.strokes = strokes
    this.colors = () => getComputedStyle(canvas)
    this.resized = new ResizeObserver(() => this.invalidate())
    this.resized.observe(canvas)
  }

  /** Something has changed: the next frame shows it. */
  invalidate(): void {
    if (this.frame === 0) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0
        this.paint()
      })
    }
  }

  private paint(): void {
    const { canvas } = this
    const context = canvas.getContext('2d')
    if (context === null) return
    const scale = (canvas.clientWidth * devicePixelRatio) / boardWidth
    const [width, height] = [Math.round(boardWidth * scale), Math.round(boardHeight * scale)]
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width
      canvas.height = height
    }
    context.setTransform(scale, 0, 0, scale, 0, 0)
    context.clearRect(0, 0, boardWidth, boardHeight)
    context.lineCap = 'round'
    context.lineJoin = 'round'
    const colors = this.colors()
    for (const stroke of this.strokes()) {
      context.strokeStyle = stroke.color.startsWith('#') ? stroke.color : colors.getPropertyValue(`--pen-${stroke.color}`)
      context.lineWidth = stroke.width
      context.stroke(this.pathOf(stroke))
    }
  }

  private pathOf(stroke: Stroke): Path2D {
    let path = this.paths.get(stroke)
    if (path === undefined) {
      path = pathThrough(stroke.points)
      this.paths.set(stroke, path)
    }
    return path
  }

  destroy(): void {
    this.resized.disconnect()
    cancelAnimationFrame(this.frame)
  }
}

/** Curves from middle to middle, with the points as their handles: what a hand draws looks smooth. */
function pathThrough(points: number[]): Path2D {
  const path = new Path2D()
  const [x0 = 0, y0 = 0] = points
  path.moveTo(x0, y0)
  // A dot is a line of no length with round ends.
  if (points.length <= 2) path.lineTo(x0, y0)
  for (let at = 2; at + 1 < points.length; at += 2) {
    const [x, y, beforeX, beforeY] = [points[at] ?? 0, points[at + 1] ?? 0, points[at - 2] ?? 0, points[at - 1] ?? 0]
    path.quadraticCurveTo(beforeX, beforeY, (beforeX + x) / 2, (beforeY + y) / 2)
  }
  const [lastX, lastY] = points.slice(-2)
  if (lastX !== undefined && lastY !== undefined) path.lineTo(lastX, lastY)
  return path
}
