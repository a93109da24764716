import { expect, test } from 'vitest'
import { EventStream, TooLong } from './event-stream'

const all = (text: string) => new EventStream().push(text)

test('an event is a name and its lines', () => {
  expect(all('event: status\ndata: {"a":1}\n\n')).toEqual([{ name: 'status', data: '{"a":1}', id: '' }])
  expect(all('data: a\ndata:b\ndata\n\n')).toEqual([{ name: 'message', data: 'a\nb\n', id: '' }])
})

test('comments, unknown fields and events without data are passed over', () => {
  expect(all(': alive\n\nevent: x\n\nid: 7\nretry: 10\ndata: y\n\n')).toEqual([{ name: 'message', data: 'y', id: '7' }])
})

test('an event without an id has that of the one before', () => {
  expect(all('id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n').map(event => event.id)).toEqual(['1', '1', ''])
})

test('what is not complete waits', () => {
  const stream = new EventStream()
  expect(stream.push('event: a\ndata: 1\n')).toEqual([])
  expect(stream.push('\nevent: b\n')).toEqual([{ name: 'a', data: '1', id: '' }])
  expect(stream.push('data: 2\n\n')).toEqual([{ name: 'b', data: '2', id: '' }])
})

test('the same events come of any pieces and any line ends', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const whole = `\ufeffevent: a${end}data: 1${end}data: 2${end}${end}data: ü🧵${end}${end}`
    // A return at the very end may be half of an end; the event is complete all the same.
    for (let size = 1; size <= whole.length; size++) {
      const stream = new EventStream()
      const events = []
      for (let at = 0; at < whole.length; at += size) events.push(...stream.push(whole.slice(at, at + size)))
      expect(events, `pieces of ${size}, ends of ${JSON.stringify(end)}`).toEqual([
        { name: 'a', data: '1\n2', id: '' },
        { name: 'message', data: 'ü🧵', id: '' },
      ])
    }
  }
})

test('an event without end is given up', () => {
  const stream = new EventStream()
  expect(() => {
    for (let pieces = 0; pieces < 100; pieces++) stream.push('x'.repeat(1024 * 1024))
  }).toThrow(TooLong)
  const lines = new EventStream()
  expect(() => {
    for (let pieces = 0; pieces < 100; pieces++) lines.push(`data: ${'x'.repeat(1024 * 1024)}\n`)
  }).toThrow(TooLong)
})
