import { expect, test } from 'vitest'
import { type Facts, isFinal, isFinalReason, sentenceOf, spokenOf, standingOf } from './standing'

const connected: Facts = {
  wanted: true,
  link: 'open',
  joined: true,
  readonly: false,
  refusal: undefined,
  unacknowledged: 0,
  changes: 0,
  stalled: false,
  overdue: false,
  lost: undefined,
}

test('it is saved only where the server has let us in and owes no acknowledgement', () => {
  expect(standingOf(connected).kind).toBe('saved')
  const others: Partial<Facts>[] = [
    { unacknowledged: 1 },
    { unacknowledged: 1, changes: 1 },
    { unacknowledged: 1, changes: 1, stalled: true },
    { unacknowledged: 1, stalled: true },
    { unacknowledged: 1, overdue: true },
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
  for (const facts of [{ stalled: true }, { overdue: true }])
    expect(said({ unacknowledged: 1, ...facts })).toBe('Connected | The server cannot save now')
  expect(said({ unacknowledged: 2, changes: 1, overdue: true })).toBe('Saving 1 change…')
  expect(said({ wanted: false, changes: 1 })).toBe('Offline | 1 change waits here')
  expect(said({ ...lost(1006), changes: 3 })).toBe('The server does not answer | 3 changes wait here; trying again')
  expect(said(lost(1012))).toBe('The server was stopped | Nothing is lost; trying again')
  expect(said(lost(1013, 'too many'))).toBe('Not now: too many | Nothing is lost; trying again')
  expect(said({ refusal: 'the token has expired', changes: 2 })).toBe('Refused | the token has expired; 2 changes wait here')
  expect(said({ refusal: 'message refused: it has no end' })).toBe('Message refused | it has no end')
  expect(said({ refusal: 'state vector refused: x refused: y', changes: 1 })).toBe(
    'State vector refused | x refused: y; 1 change waits here',
  )
  expect(said({ readonly: true })).toBe('Read only | You see what others do')
})

test('what is read aloud is not said of each key, and does not call saved what is on its way', () => {
  const said = (facts: Partial<Facts>, isLate = false) => spokenOf(standingOf({ ...connected, ...facts }), 'Saved on disk', isLate)
  expect(said({})).toBe('Saved on disk.')
  for (const changes of [1, 2]) {
    expect(said({ unacknowledged: changes, changes })).toBe('')
    expect(said({ unacknowledged: changes, changes }, true)).toBe('Still saving.')
    expect(said({ wanted: false, changes })).toBe('Offline: changes wait here.')
    expect(said({ unacknowledged: changes, changes, stalled: true })).toBe('Not saved: The server cannot write now; changes wait here.')
  }
  expect(said({ joined: false })).toBe('')
  expect(said({ joined: false }, true)).toBe('Still connecting.')
  expect(said({ wanted: false })).toBe('Offline: What you do now stays here until you are back.')
  expect(said({ readonly: true })).toBe('Read only: You see what others do.')
})

test('codes that are final for clients are final here', () => {
  expect([4400, 4401, 4403, 4413].every(isFinal)).toBe(true)
  expect([1000, 1006, 1012, 1013, 4205, 4408].some(isFinal)).toBe(false)
})

test('a document that ended is opened again, but for what coming back would not mend', () => {
  const final = [
    'the document is deleted',
    'update refused: it is malformed',
    'message refused: unknown type',
    'the document would exceed 1000 bytes',
    'the user has newer connections, and as many as allowed',
    'a token is needed',
    'the token has expired',
    'the token does not allow this document',
    'the subject of the token is revoked',
  ]
  const passing = [
    '',
    'disconnected by an administrator',
    'the document cannot be read now',
    'the document has 10 sessions, which is the limit',
    'the connection is too slow for the document',
    'memory is short',
    'the token is not valid yet',
    'the key of the token is not known yet',
  ]
  for (const reason of final) expect(isFinalReason(reason), reason).toBe(true)
  for (const reason of passing) expect(isFinalReason(reason), reason).toBe(false)
})
