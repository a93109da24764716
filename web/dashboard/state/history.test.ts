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
