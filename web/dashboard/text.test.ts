import { expect, test } from 'vitest'
import { clip, colour, named } from './text'

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

test('a name is seen, and cut at its length as it is shown', () => {
  expect(named(' ')).toBe('\ufffd U+0020')
  expect(named('a\u3164b\u0000\u202e')).toBe('a\ufffdb\ufffd\ufffd')
  expect(named('abcdef', 4)).toBe('abc…')
  expect(named('abcd', 4)).toBe('abcd')
  expect(named('🧵🧵🧵🧵', 3)).toBe('🧵🧵…')
  for (const one of ['x', '\u3164', '\u{e0020}', 'x\u{e0020}'])
    expect(Array.from(named(`x${one.repeat(1_000_000)}`)), one).toHaveLength(200)
  expect(Array.from(named('\u3164'.repeat(1_000_000))).length).toBeLessThan(50)
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
