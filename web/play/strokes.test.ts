import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { boardHeight, boardWidth, pointsMax, StrokeReader, strokeOf, strokePointsMax, Strokes, strokesMax } from './strokes'

const stroke = (points: (string | number)[], more: [string, unknown][] = []) =>
  new Y.Map<unknown>([['points', Y.Array.from(points)], ...more])

function read(...values: unknown[]) {
  const doc = new Y.Doc()
  const shared = doc.getArray<unknown>('strokes')
  shared.push(values)
  return new StrokeReader(shared).strokes()
}

test('what is no stroke is passed over, and what is one is kept inside the board', () => {
  const { strokes, omitted } = read(
    1,
    'x',
    null,
    new Y.Map(),
    stroke([]),
    stroke([1]),
    stroke(['x', 1]),
    stroke([5, 6, 1e9, -1e9, Number.NaN, 7]),
  )
  expect(strokes).toEqual([{ color: 'ink', width: 4, points: [5, 6, boardWidth, 0] }])
  expect(omitted).toBe(7)
  expect(strokeOf({ points: [1, 2] })).toBeUndefined()
})

test('colours are names of pens or six digits, widths are bounded', () => {
  const looks = (color: unknown, width: unknown) => {
    const { strokes } = read(
      stroke(
        [1, 1],
        [
          ['color', color],
          ['width', width],
        ],
      ),
    )
    return [strokes[0]?.color, strokes[0]?.width]
  }
  expect(looks('red', 16)).toEqual(['red', 16])
  expect(looks('#AABBCC', 0)).toEqual(['#aabbcc', 4])
  expect(looks('constructor', Infinity)).toEqual(['ink', 4])
  expect(looks('url(x)', '9')).toEqual(['ink', 4])
})

test('points and strokes beyond the bounds are left out, the oldest first', () => {
  const long = read(stroke(Array<number>(strokePointsMax * 2 + 100).fill(1)))
  expect(long.strokes[0]?.points).toHaveLength(strokePointsMax * 2)
  const many = read(...Array.from({ length: strokesMax + 5 }, (_, index) => stroke([index % boardWidth, 0])))
  expect([many.strokes.length, many.omitted]).toEqual([strokesMax, 5])
  expect(many.strokes[0]?.points[0]).toBe(5)
  const heavy = read(...Array.from({ length: 60 }, () => stroke(Array<number>(strokePointsMax * 2).fill(1))))
  expect(heavy.strokes).toHaveLength(pointsMax / strokePointsMax)
})

test('one stroke is one step to undo, and only of who drew it', () => {
  const doc = new Y.Doc()
  const other = new Y.Doc()
  const [mine, theirs] = [new Strokes(doc), new Strokes(other)]
  const meet = () => {
    Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
  }
  const line = (strokes: Strokes, y: number) => {
    const drawing = strokes.begin('ink', 4, { x: 0, y })
    for (let x = 0; x <= 100; x += 10) drawing.add([{ x, y }])
    drawing.end()
  }
  line(mine, 1)
  line(mine, 2)
  meet()
  line(theirs, 3)
  meet()
  mine.undo.undo()
  const rows = () => new StrokeReader(mine.shared).strokes().strokes.map(one => one.points[1])
  expect(rows()).toEqual([1, 3])
  mine.clear()
  expect(rows()).toEqual([])
  mine.undo.undo()
  expect(rows()).toEqual([1, 3])
})

test('a stroke goes on as another where it is too long, or somebody has cleared the board', () => {
  const strokes = new Strokes(new Y.Doc())
  const drawing = strokes.begin('ink', 4, { x: 0, y: 0 })
  for (let n = 0; n < strokePointsMax; n++) drawing.add([{ x: (n % 2) * 100, y: n % boardHeight }])
  expect(strokes.shared.length).toBeGreaterThan(1)
  strokes.clear()
  drawing.add([{ x: 500, y: 500 }])
  expect(strokes.shared.length).toBe(1)
})

test('a stroke is read again when it has changed, and only then', () => {
  const doc = new Y.Doc()
  const strokes = new Strokes(doc)
  const reader = new StrokeReader(strokes.shared)
  strokes.shared.observeDeep(events => reader.forget(events))
  const drawing = strokes.begin('red', 8, { x: 0, y: 0 })
  strokes.begin('blue', 8, { x: 9, y: 9 })
  const before = reader.strokes().strokes
  drawing.add([{ x: 50, y: 50 }])
  const after = reader.strokes().strokes
  expect(after[0]?.points).toEqual([0, 0, 50, 50])
  expect(after[1]).toBe(before[1])
})
