import { expect, test } from 'vitest'
import { besides } from './identity'
import { palette } from './palette'

const [red, orange, ochre] = palette

test('beside others one is as much like before as nobody else is', () => {
  const others = (...names: string[]) => names.map(name => ({ name, color: red }))
  const name = (own: string, ...names: string[]) => besides(others(...names), { name: own, color: orange }).name
  expect(name('Linen')).toBe('Linen')
  expect(name('Linen', 'Tweed')).toBe('Linen')
  expect(name('Linen', 'Linen')).toBe('Linen 2')
  expect(name('Linen', 'Linen', 'Linen 2', 'Linen 3')).toBe('Linen 4')
  expect(name('Linen 2', 'Linen 2', 'Linen')).toBe('Linen 3')
  expect(name('7', '7')).toBe('7 2')
  expect(Array.from(name('🧵'.repeat(40), '🧵'.repeat(40)))).toHaveLength(38)
})

test('a colour that somebody has is left to them, while there are others', () => {
  const color = (...colors: string[]) =>
    besides(
      colors.map(one => ({ name: 'Tweed', color: one })),
      { name: 'Linen', color: red },
    ).color
  expect(color(orange)).toBe(red)
  expect(color(red, orange)).toBe(ochre)
  expect(color(...palette)).toBe(red)
})
