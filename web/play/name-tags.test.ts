import { expect, test } from 'vitest'
import { NameTags, namedMs } from './name-tags'

const at = (id: number, clock?: number) => ({
  id,
  cursor: clock === undefined ? undefined : { anchor: { item: null, assoc: 0 }, head: { item: { client: 1, clock }, assoc: 0 } },
})

test('who has moved is named for a while, from the last move on', () => {
  const tags = new NameTags()
  const of = (now: number, ...peers: ReturnType<typeof at>[]) => {
    const { named, nextMs } = tags.of(peers, now)
    return [[...named], nextMs]
  }
  expect(of(0, at(1), at(2, 5))).toEqual([[2], namedMs])
  expect(of(500, at(1, 7), at(2, 5))).toEqual([[1, 2], namedMs - 500])
  expect(of(1_000, at(1, 7), at(2, 6))).toEqual([[1, 2], namedMs - 500])
  expect(of(namedMs + 500, at(1, 7), at(2, 6))).toEqual([[2], 500])
  expect(of(namedMs + 1_000, at(1, 7), at(2, 6))).toEqual([[], undefined])
  // Who comes back is somebody new.
  expect(of(namedMs + 1_000, at(2, 6))).toEqual([[], undefined])
  expect(of(namedMs + 1_001, at(1, 7), at(2, 6))).toEqual([[1], namedMs])
})
