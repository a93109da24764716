import { expect, test } from 'vitest'
import { bounds, parse } from './settings'

test('values and bounds are read as sizes, times and numbers', () => {
  expect(bounds('100 to 600000 ms', 'ms')).toBe('100 ms to 10 min')
  expect(bounds('1 to 16777216', 'connections')).toBe('1 to 16,777,216')
  expect(bounds('1KiB to 64GiB', 'bytes')).toBe('1KiB to 64GiB')
  expect(bounds('true, false', '')).toBe('true, false')
  const setting = { name: 'a', value: 67_108_864, default: 1_024, unit: 'bytes', allowed: '64KiB to 1TiB', live: true }
  expect(parse({ settings: [setting] }).settings[0]).toMatchObject({ value: '67108864', shownValue: '64 MiB', default: '1 KiB' })
  expect(parse({ settings: [{ name: 'b', value: '', default: '' }] }).settings[0]).toMatchObject({
    value: '',
    shownValue: '–',
    default: '–',
  })
})
