/** How this tab stands with the server, in one word: what the mark at the top shows. Says "saved" only of what is on disk. */

/** Everything that it follows from. */
export interface Facts {
  /** The switch is at "online". */
  wanted: boolean
  link: 'down' | 'opening' | 'open'
  /** The server has let us in on this connection, and the handshake that counts has begun. */
  joined: boolean
  readonly: boolean
  /** Why we were not let in, or put out. */
  refusal: string | undefined
  /** What the provider waits for: acknowledgements of changes, and one for the handshake. */
  unacknowledged: number
  /** Changes made in this tab that no acknowledgement covers. */
  changes: number
  /** The server said that it cannot take a change now. */
  stalled: boolean
  /** The handshake's own acknowledgement takes longer than a disk does. */
  overdue: boolean
  /** How the last connection, or the document on it, ended, where one did. */
  lost: { code: number; reason: string } | undefined
}

export type Standing =
  | { kind: 'connecting' }
  | { kind: 'saved' }
  | { kind: 'saving'; changes: number }
  | { kind: 'stalled'; changes: number }
  | { kind: 'offline'; changes: number }
  | { kind: 'stopped'; changes: number; why: string }
  | { kind: 'refused'; changes: number; reason: string }
  | { kind: 'readonly' }

export function standingOf(facts: Facts): Standing {
  const { changes } = facts
  if (facts.refusal !== undefined) return { kind: 'refused', changes, reason: facts.refusal }
  if (!facts.wanted) return { kind: 'offline', changes }
  if (facts.link !== 'open' || !facts.joined) {
    if (facts.lost === undefined) return { kind: 'connecting' }
    return { kind: 'stopped', changes, why: whyLost(facts.lost) }
  }
  if (facts.unacknowledged > 0) {
    if (facts.stalled || (changes === 0 && facts.overdue)) return { kind: 'stalled', changes }
    return changes === 0 ? { kind: 'connecting' } : { kind: 'saving', changes }
  }
  return { kind: facts.readonly ? 'readonly' : 'saved' }
}

/** Close codes of docs/PROTOCOL.md. */
function whyLost({ code, reason }: { code: number; reason: string }): string {
  if (code === 1012) return 'The server was stopped'
  if (code === 1013) return reason === '' ? 'The server is busy' : `Not now: ${reason}`
  return 'The server does not answer'
}

/** After these the client should not come back by itself. */
export const isFinal = (code: number): boolean => code >= 4400 && code <= 4499 && code !== 4408

const many = (changes: number, verb = ''): string => `${changes} ${changes === 1 ? 'change' : 'changes'}${verb}`
const counted = (changes: number): string => (changes === 0 ? '' : many(changes, changes === 1 ? ' waits here' : ' wait here'))
const uncounted = (changes: number): string => (changes === 0 ? '' : 'changes wait here')

/** Why a document ended that has no code for it, only what src/close.rs says to people. With these nothing is mended by coming back: a deleted document would be brought back, and the newer tab of a user with as many as allowed put out in turn. */
const finalReasons = [
  /^the document is deleted$/,
  / refused: /,
  /^the document would exceed /,
  /^the user has newer connections/,
  /\btoken\b/,
]
const passingReasons = [/ not (?:valid|known) yet$/]

export const isFinalReason = (reason: string): boolean =>
  finalReasons.some(one => one.test(reason)) && !passingReasons.some(one => one.test(reason))

/** What is said of it: a short line, and a second one where there is more to say. */
export function sentenceOf(standing: Standing, durable: string, waiting = counted): { title: string; more: string } {
  switch (standing.kind) {
    case 'connecting':
      return { title: 'Connecting…', more: '' }
    case 'saved':
      return { title: durable, more: '' }
    case 'saving':
      return { title: `Saving ${many(standing.changes)}…`, more: '' }
    case 'stalled':
      // Who has changed nothing has lost nothing, and sees what the others do.
      if (standing.changes === 0) return { title: 'Connected', more: 'The server cannot save now' }
      return { title: 'Not saved', more: `The server cannot write now; ${waiting(standing.changes)}` }
    case 'offline':
      return { title: 'Offline', more: waiting(standing.changes) || 'What you do now stays here until you are back' }
    case 'stopped':
      return { title: standing.why, more: `${waiting(standing.changes) || 'Nothing is lost'}; trying again` }
    case 'refused': {
      // A reason may say itself what was refused.
      const [, what, why = standing.reason] = /^([\w ]{1,40}) refused: (.*)$/s.exec(standing.reason) ?? []
      const title = what === undefined ? 'Refused' : `${what.charAt(0).toUpperCase()}${what.slice(1)} refused`
      return { title, more: [why, waiting(standing.changes)].filter(Boolean).join('; ') }
    }
    case 'readonly':
      return { title: 'Read only', more: 'You see what others do' }
  }
}

/** What is read aloud of it: nothing while it passes, and no numbers, which change with each key. Where it does not pass that is said too. */
export function spokenOf(standing: Standing, durable: string, isLate: boolean): string {
  switch (standing.kind) {
    case 'connecting':
      return isLate ? 'Still connecting.' : ''
    case 'saving':
      return isLate ? 'Still saving.' : ''
    case 'saved':
    case 'stalled':
    case 'offline':
    case 'stopped':
    case 'refused':
    case 'readonly': {
      const { title, more } = sentenceOf(standing, durable, uncounted)
      return more === '' ? `${title}.` : `${title}: ${more}.`
    }
  }
}
