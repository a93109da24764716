import { describe, expect, test } from 'vitest'
import { ago, bytes, count, date, duration, exactBytes, percent, quantity, rate, seconds } from './format'

describe('numbers', () => {
  test.each([
    [count(0), '0'],
    [count(12_345), '12,345'],
    [count(1_234_567), '1.23 M'],
    [count(9_870_000_000), '9.87 G'],
    [count(null), '–'],
    [count(Number.NaN), '–'],
    [rate(0), '0'],
    [rate(0.25), '0.3'],
    [rate(9.96), '10'],
    [rate(1500), '1,500'],
    [bytes(0), '0 B'],
    [bytes(1023), '1,023 B'],
    [bytes(1024), '1 KiB'],
    [bytes(1_500_000), '1.43 MiB'],
    [bytes(2 ** 60), '1,024 PiB'],
    [exactBytes(0), '0 bytes'],
    [exactBytes(1000), '1,000 bytes'],
    [exactBytes(65_536), '64 KiB'],
    [exactBytes(16_777_216), '16 MiB'],
    [exactBytes(16_777_217), '16,777,217 bytes'],
    [exactBytes(2 ** 60), '1,024 PiB'],
    [seconds(0), '0 ms'],
    [seconds(0.000_06), '60 µs'],
    [seconds(0.0011), '1.1 ms'],
    [seconds(0.25), '250 ms'],
    [seconds(12), '12 s'],
    [seconds(3_600), '1 h'],
    [duration(0), '0 s'],
    [duration(59), '59 s'],
    [duration(61), '1 min 1 s'],
    [duration(3_600), '1 h'],
    [duration(3_601), '1 h'],
    [duration(90_061), '1 d 1 h'],
    [duration(-1), '–'],
    [percent(0.004), '0.4 %'],
    [percent(0.5), '50 %'],
    [percent(undefined), '–'],
    [quantity(1_000_000, 'connections'), '1,000,000 connections'],
    [quantity(67_108_864, 'bytes'), '64 MiB'],
    [quantity(600_000, 'ms'), '10 min'],
    [quantity(0.5, ''), '0.5'],
    [ago(200), 'just now'],
    [ago(61_000), '1 min 1 s ago'],
  ])('%s is %s', (is, should) => {
    expect(is).toBe(should)
  })
})

test('a date has a year only where it is another', () => {
  const [then, now] = [new Date(2026, 4, 3, 14, 5, 6).getTime(), new Date(2026, 10, 21).getTime()]
  expect(date(then, now)).toMatch(/14.05.06/)
  expect(date(then, now)).not.toContain('2026')
  expect(date(then, new Date(2027, 0, 1).getTime())).toContain('2026')
  expect(date(null)).toBe('–')
  expect(date(1e300)).toBe('–')
})
