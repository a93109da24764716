import { expect, test } from 'vitest'
import { parse } from './comparison'

test('a comparison is read into pieces of text and values', () => {
  const comparison = parse({
    clients: [{ client: 4_242, inserted: 12 }],
    deleted: 3,
    roots: [
      {
        root: 'body',
        type: 'text',
        state: 'changed',
        clients: [4_242],
        text: [
          { retain: 5 },
          { delete: { value: 'old', attributes: {} } },
          { insert: { value: 'new\nline', attributes: { bold: true } } },
          { insert: { value: { image: 'x' }, attributes: {} } },
        ],
        values: [],
      },
      {
        root: 'tasks',
        type: 'map',
        state: 'added',
        clients: [],
        text: [],
        values: [
          { set: { path: ['a', 2, 'title'], after: null } },
          { set: { path: ['gone'], before: 'x' } },
          { splice: { path: ['list'], index: 3, removed: [1], inserted: ['a', 'b'] } },
        ],
      },
    ],
  })
  expect(comparison.clients).toEqual([{ client: '4242', inserted: 12 }])
  expect(comparison.roots[0]?.text).toEqual([
    { kind: 'same', length: 5 },
    { kind: 'removed', text: 'old' },
    { kind: 'added', text: 'new\nline' },
    { kind: 'added', text: '{\n  "image": "x"\n}' },
  ])
  expect(comparison.roots[1]?.values).toEqual([
    { path: 'a[2].title', before: null, after: 'null' },
    { path: 'gone', before: 'x', after: null },
    { path: 'list[3]', before: '1', after: 'a\nb' },
  ])
})

test('what a hostile document makes of it is bounded', () => {
  const text = Array.from({ length: 10_000 }, () => ({ insert: { value: 'x'.repeat(10_000), attributes: {} } }))
  const { roots } = parse({ roots: [{ root: 'r'.repeat(10_000), text, values: [] }] })
  expect(roots[0]?.text).toHaveLength(500)
  expect(roots[0]?.left).toBe(9_500)
  expect(roots[0]?.root).toHaveLength(200)
  expect(roots[0]?.text.every(piece => piece.kind === 'same' || piece.text.length <= 4_000)).toBe(true)
})

test('another shape is nothing, and no error', () => {
  for (const odd of [null, 7, 'x', [], {}, { roots: [null, 7, { text: [7, {}], values: [{ set: 7 }] }] }]) {
    expect(parse(odd).deleted).toBe(0)
  }
})
