import { expect, test } from 'vitest'
import { isSeen, seen } from './names'

test('a name that can be seen stays as it is', () => {
  for (const name of ['notes/1', 'a b', 'e\u0301', 'क्षि', '漢字', '🧵', '❤\ufe0f', '10\u00a0€', '\ufffd', '◌\u0301']) {
    expect(seen(name), name).toBe(name)
    expect(isSeen(name), name).toBe(true)
  }
  expect(seen('')).toBe('')
  expect(isSeen('')).toBe(false)
})

test('a name without anything to see says what it is made of', () => {
  const said: [name: string, shown: string][] = [
    [' ', '\ufffd U+0020'],
    ['\u00a0', '\ufffd U+00A0'],
    ['\u3164', '\ufffd U+3164'],
    ['\u2800\u115f', '\ufffd U+2800 U+115F'],
    ['\u0301\u0301\u0301', '\ufffd U+0301 U+0301 U+0301'],
    ['\u{e0020}', '\ufffd U+E0020'],
    ['\u200d\ufe0f', '\ufffd U+200D U+FE0F'],
    ['\u202e'.repeat(5), '\ufffd U+202E U+202E U+202E U+202E …'],
    ['\u{e0020}'.repeat(5), '\ufffd U+E0020 U+E0020 U+E0020 U+E0020 …'],
  ]
  for (const [name, shown] of said) {
    expect(seen(name), shown).toBe(shown)
    expect(isSeen(name), shown).toBe(false)
  }
})

test('marks do not pile up over the lines above', () => {
  const five = 'e' + '\u0301'.repeat(5)
  expect(seen(five)).toBe(five)
  expect(seen(`${five}\u0302\u0301x`)).toBe(`${five}\ufffd\ufffdx`)
})

test('no name looks like another that has more in it', () => {
  const shown = ['notes', 'notes ', ' notes', 'notes\u3164', 'no\u00adtes', 'notes\u200b', '\u0301notes', '\u061cnotes', 'no\u2800tes'].map(
    seen,
  )
  expect(shown).toEqual([
    'notes',
    'notes\ufffd',
    '\ufffdnotes',
    'notes\ufffd',
    'no\ufffdtes',
    'notes\ufffd',
    '\ufffdnotes',
    '\ufffdnotes',
    'no\ufffdtes',
  ])
  expect(seen('a  b\u00a0 c')).toBe('a \ufffdb\u00a0\ufffdc')
})
