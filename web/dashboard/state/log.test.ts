import { afterAll, beforeEach, expect, test, vi } from 'vitest'
import { Fields } from '../api/fields'
import { add, clear, entriesMax, matches, pause, resume, shown, waiting } from './log'

vi.useFakeTimers()
afterAll(() => {
  vi.useRealTimers()
})

const refusal = (...reasons: string[]) => {
  for (const reason of reasons) add(new Fields({ reason, detail: 'it is', subject: 'anna', address: '10.0.0.1' }), 0)
  vi.runAllTimers()
}

beforeEach(() => {
  resume()
  clear()
})

test('the newest are kept, and are first', () => {
  refusal('old')
  refusal(...Array.from({ length: entriesMax + 5 }, (_, number) => String(number)))
  expect(shown.value).toHaveLength(entriesMax)
  expect(shown.value[0]?.reason).toBe(String(entriesMax + 4))
})

test('while it is paused it stands still, and counts what waits', () => {
  refusal('before')
  pause()
  refusal('after')
  expect(shown.value.map(entry => entry.reason)).toEqual(['before'])
  expect(waiting.value).toBe(1)
  resume()
  expect(shown.value.map(entry => entry.reason)).toEqual(['after', 'before'])
  expect(waiting.value).toBe(0)
})

test('a filter finds all of its words anywhere', () => {
  refusal('malformed')
  const entry = shown.value[0]
  if (!entry) throw new Error('it was added')
  expect(matches(entry, 'ANNA malf')).toBe(true)
  expect(matches(entry, 'anna bob')).toBe(false)
})
