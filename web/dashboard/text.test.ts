import { expect, test } from 'vitest'
import { clip, colour } from './text'

test('a name is cut at its length, between characters', () => {
  expect(clip('short')).toBe('short')
  expect(clip('abcdef', 4)).toBe('abc…')
  expect(clip('🧵🧵🧵', 3)).toBe('🧵🧵🧵')
  expect(clip('🧵🧵🧵🧵', 3)).toBe('🧵🧵…')
  expect(Array.from(clip('x'.repeat(1_000_000)))).toHaveLength(200)
})

test('a name cannot disguise what stands around it', () => {
  expect(clip('a\u202Eb\u0000c\nd\u2066e\u200b')).toBe('a\ufffdb\ufffdc\ufffdd\ufffde\ufffd')
})

test('lines stay lines where they may', () => {
  expect(clip('a\n\tb\u0007', 100, true)).toBe('a\n\tb\ufffd')
  expect(clip('a\nb', 100)).toBe('a\ufffdb')
})

test('only a colour is a colour', () => {
  for (const good of ['#fff', '#30bced', '#30bced33', 'rgb(1, 2, 3)', 'hsl(120deg 50% 50% / 0.5)']) expect(colour(good)).toBe(good)
  for (const bad of ['red; background: url(x)', 'url(x)', '#ggg', 'var(--x)', 'rgb(1,2,3);x', 7, null, '#fff'.repeat(20)]) {
    expect(colour(bad)).toBeNull()
  }
})
