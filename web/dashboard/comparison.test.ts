import { expect, test } from 'vitest'
import { parse, units } from './comparison'

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
          { retain: 200, text: 'the first …\nthe last' },
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
          { text: { path: ['list', 0], pieces: [{ retain: 2, text: 'ab' }, { insert: { value: 'c', attributes: {} } }] } },
        ],
      },
    ],
  })
  expect(comparison.clients).toEqual([{ client: '4242', inserted: 12 }])
  expect(comparison.roots[0]?.text).toEqual([
    { kind: 'same', length: 5, text: null },
    { kind: 'same', length: 200, text: 'the first …\nthe last' },
    { kind: 'removed', text: 'old' },
    { kind: 'added', text: 'new\nline' },
    { kind: 'added', text: '{\n  "image": "x"\n}' },
  ])
  expect(comparison.roots[1]?.values).toEqual([
    { path: 'a[2].title', before: null, after: 'null', pieces: [] },
    { path: 'gone', before: 'x', after: null, pieces: [] },
    { path: 'list[3]', before: '1', after: 'a\nb', pieces: [] },
    {
      path: 'list[0]',
      before: null,
      after: null,
      pieces: [
        { kind: 'same', length: 2, text: 'ab' },
        { kind: 'added', text: 'c' },
      ],
    },
  ])
})

test('what a hostile document makes of it is bounded', () => {
  const text = Array.from({ length: 10_000 }, () => ({ insert: { value: 'x'.repeat(10_000), attributes: {} } }))
  const { roots } = parse({ roots: [{ root: 'r'.repeat(10_000), text, values: [] }] })
  expect(roots[0]?.text).toHaveLength(500)
  expect(roots[0]?.left).toBe(9_500)
  expect(roots[0]?.root).toHaveLength(200)
  expect(roots[0]?.text.every(piece => (piece.text ?? '').length <= 4_000)).toBe(true)
})

test('a text inside of others is bounded, and what is left out is counted', () => {
  const pieces = Array.from({ length: 60 }, () => ({ insert: { value: 'x', attributes: {} } }))
  const { roots } = parse({ roots: [{ root: 'r', text: [], values: [{ text: { path: ['t'], pieces } }] }] })
  expect(roots[0]?.values[0]?.pieces).toHaveLength(50)
  expect(roots[0]?.left).toBe(10)
})

test('another shape is nothing, and no error', () => {
  for (const odd of [
    null,
    7,
    'x',
    [],
    {},
    { roots: [null, 7, { text: [7, {}], values: [{ set: 7 }, { text: 7 }, { text: { pieces: 7 } }] }] },
  ]) {
    expect(parse(odd).deleted).toBe(0)
  }
})

test('how much was written is said in words', () => {
  const roots = (...types: string[]) => parse({ roots: types.map(type => ({ root: type, type })) }).roots
  expect(units(17, roots('text'))).toBe('17 characters')
  expect(units(1, roots('text'))).toBe('1 character')
  expect(units(51, roots('text', 'array'))).toBe('51 characters or values')
  expect(units(1_234, [])).toBe('1,234 characters or values')
})
