import { expect, test } from 'vitest'
import { type Facts, isFinal, sentenceOf, standingOf } from './standing'

const connected: Facts = {
  wanted: true,
  link: 'open',
  joined: true,
  readonly: false,
  refusal: undefined,
  unacknowledged: 0,
  changes: 0,
  stalled: false,
  lost: undefined,
}

test('it is saved only where the server has let us in and owes no acknowledgement', () => {
  expect(standingOf(connected).kind).toBe('saved')
  const others: Partial<Facts>[] = [
    { unacknowledged: 1 },
    { unacknowledged: 1, changes: 1 },
    { unacknowledged: 1, changes: 1, stalled: true },
    { joined: false },
    { link: 'opening' },
    { link: 'down' },
    { link: 'down', joined: false, lost: { code: 1006, reason: '' } },
    { wanted: false },
    { refusal: 'no' },
  ]
  for (const facts of others) expect(standingOf({ ...connected, ...facts }).kind, JSON.stringify(facts)).not.toBe('saved')
})

test('each standing says what it is and what waits', () => {
  const said = (facts: Partial<Facts>) => {
    const { title, more } = sentenceOf(standingOf({ ...connected, ...facts }), 'Saved on disk')
    return more === '' ? title : `${title} | ${more}`
  }
  const lost = (code: number, reason = '') => ({ link: 'down', joined: false, lost: { code, reason } }) as const
  expect(said({})).toBe('Saved on disk')
  expect(said({ joined: false })).toBe('Connecting…')
  expect(said({ unacknowledged: 1 })).toBe('Connecting…')
  expect(said({ unacknowledged: 2, changes: 1 })).toBe('Saving 1 change…')
  expect(said({ unacknowledged: 2, changes: 2, stalled: true })).toBe('Not saved | The server cannot write now; 2 changes wait here')
  expect(said({ wanted: false, changes: 1 })).toBe('Offline | 1 change waits here')
  expect(said({ ...lost(1006), changes: 3 })).toBe('The server does not answer | 3 changes wait here; trying again')
  expect(said(lost(1012))).toBe('The server was stopped | Nothing is lost; trying again')
  expect(said(lost(1013, 'too many'))).toBe('Not now: too many | Nothing is lost; trying again')
  expect(said({ refusal: 'the token has expired', changes: 2 })).toBe('Refused | the token has expired; 2 changes wait here')
  expect(said({ readonly: true })).toBe('Read only | You see what others do')
})

test('codes that are final for clients are final here', () => {
  expect([4400, 4401, 4403, 4413].every(isFinal)).toBe(true)
  expect([1000, 1006, 1012, 1013, 4205, 4408].some(isFinal)).toBe(false)
})
