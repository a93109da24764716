import { expect, test } from 'vitest'
import { textOn } from './palette'
import { nameOf, peerOf, peersMax, peersOf } from './peers'

test('a name is cut, and has nothing in it that is not seen', () => {
  const cases: [unknown, string | undefined][] = [
    ['Ada', 'Ada'],
    ['  Ada\n', 'Ada'],
    ['a\u202eb\u0000c\u2028d', 'abcd'],
    ['', undefined],
    ['\u200f \u0007', undefined],
    ['\u3164', undefined],
    [`e${'\u0301'.repeat(100)}!`, `e${'\u0301'.repeat(5)}!`],
    ['\u0301\u0301', undefined],
    [7, undefined],
    [{ toString: () => 'x' }, undefined],
    ['x'.repeat(10_240), 'x'.repeat(40)],
    ['🧵'.repeat(50), '🧵'.repeat(40)],
  ]
  for (const [value, name] of cases) expect(nameOf(value), JSON.stringify(value)).toBe(name)
})

test('whatever a state is, there is a peer with a name and a colour', () => {
  const states = [
    null,
    1,
    'x',
    [],
    {},
    { user: 1 },
    { user: { name: 1, color: 'red' } },
    { user: { color: '#12345' } },
    { user: { color: '#12345g' } },
  ]
  for (const state of states) {
    for (const id of [0, 1, 2 ** 53 - 1]) {
      const peer = peerOf(id, state)
      expect(peer.name).not.toBe('')
      expect(peer.color).toMatch(/^#[0-9a-f]{6}$/)
      expect([peer.place, peer.cursor, peer.pointer]).toEqual([undefined, undefined, undefined])
    }
  }
  const mark = '0123456789abcdef'
  for (const one of [7, '', 'x', `${mark}0`, '0123456789abcdeg', [mark]])
    expect(peerOf(1, { tab: { mark: one, begun: 1 } }).tab).toBeUndefined()
  for (const tab of [mark, { mark }, { mark, begun: '1' }, null]) expect(peerOf(1, { tab }).tab).toBeUndefined()
  expect(peerOf(1, { tab: { mark, begun: 1 } }).tab).toEqual({ mark, begun: 1 })
  expect(peerOf(1, { user: { name: 'Ada', color: '#ABCDEF' } })).toMatchObject({ name: 'Ada', color: '#abcdef' })
})

test('positions are whole numbers that exist, or none', () => {
  const item = { client: 5, clock: 0 }
  const end = { tname: 'text' }
  const cursor = (anchor: unknown, head: unknown) => peerOf(1, { cursor: { anchor, head } }).cursor
  expect(cursor({ item, assoc: -1 }, end)).toEqual({ anchor: { item, assoc: -1 }, head: { item: null, assoc: 0 } })
  const wrong = [
    null,
    1,
    {},
    { tname: 'other' },
    { item: {} },
    { item: { client: 1.5, clock: 0 } },
    { item: { client: 1, clock: -1 } },
    { item: 1 },
  ]
  for (const one of wrong) expect(cursor(one, end), JSON.stringify(one)).toBeUndefined()
  const pointer = (x: unknown, y: unknown) => peerOf(1, { pointer: { x, y } }).pointer
  expect(pointer(1, 2)).toEqual({ x: 1, y: 2 })
  for (const x of [Number.NaN, Infinity, -1, 1601, '1', null]) expect(pointer(x, 1)).toBeUndefined()
})

test('of very many others some are listed, and all are counted', () => {
  const states = new Map(Array.from({ length: 5_000 }, (_, id) => [id, {}]))
  const { peers, count } = peersOf(states, 3)
  expect([peers.length, count]).toEqual([peersMax, 4_999])
  expect(peers.some(peer => peer.id === 3)).toBe(false)
})

test('letters on a colour are the ones that are easier to read', () => {
  expect(['#000000', '#0b6464', '#777777', '#ffffff', '#ffff00'].map(textOn)).toEqual([
    '#ffffff',
    '#ffffff',
    '#000000',
    '#000000',
    '#000000',
  ])
})
