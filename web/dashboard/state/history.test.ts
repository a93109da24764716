import { expect, test } from 'vitest'
import { History, samplesMax, summary } from './history'

test('the oldest samples go', () => {
  const history = new History(['a', 'b'])
  for (let at = 0; at < samplesMax + 10; at++) history.add(at, { a: at, b: null })
  expect(history.times).toHaveLength(samplesMax)
  expect(history.times[0]).toBe(10)
  expect(history.column('a').at(-1)).toBe(samplesMax + 9)
  expect(history.column('b')).toHaveLength(samplesMax)
})

test('a time without samples is a gap, not a line', () => {
  const history = new History(['a'])
  history.add(1, { a: 1 })
  history.add(2, { a: 2 })
  history.add(60, { a: 3 })
  expect(history.times).toEqual([1, 2, 59, 60])
  expect(history.column('a')).toEqual([1, 2, null, 3])
})

test('a clock that is set back begins anew', () => {
  const history = new History(['a'])
  history.add(100, { a: 1 })
  history.add(50, { a: 2 })
  expect(history.times).toEqual([50])
})

test('what is not known counts for nothing', () => {
  expect(summary([null, 1, 3, null])).toEqual({ least: 1, mean: 2, most: 3 })
  expect(summary([null])).toBeNull()
})

test('what was kept is there again, as far as it is young and makes sense', () => {
  const kept = new History(['a', 'b'])
  for (const at of [100, 500, 501, 502]) kept.add(at, { a: at, b: null })
  const history = new History(['b', 'a', 'new'])
  history.restore(JSON.parse(JSON.stringify(kept.columnsByName())), 510)
  expect(history.times).toEqual([499, 500, 501, 502])
  expect(history.column('a')).toEqual([null, 500, 501, 502])
  expect(history.column('new')).toEqual([null, null, null, null])
  history.add(511, { a: 1, b: 2, new: 3 })
  expect(history.times).toEqual([499, 500, 501, 502, 510, 511])
})

test('what is no history is nothing', () => {
  for (const odd of [null, 7, [], {}, { times: 'x' }, { times: [NaN, '1', 1e300, -5, 600], columns: { a: 7 } }]) {
    const history = new History(['a'])
    history.restore(odd, 500)
    expect(history.times).toEqual([])
  }
  const history = new History(['a'])
  history.restore({ times: [400, 399, 401], columns: { a: ['x', 1, null] } }, 500)
  expect(history.times).toEqual([400, 401])
  expect(history.column('a')).toEqual([null, null])
})
