/** The mark that says whether what was done here is on disk. Turns away from "saved" at once, and back to it with a short delay, so that typing does not make it flicker. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Durability } from './address'
import type { Session } from './session'
import { type Standing, sentenceOf, spokenOf } from './standing'

const calmMs = 250

/** What passes takes less. */
const lateMs = 5_000

/** What an acknowledgement is worth depends on the server's `fsync`. */
const durable: Record<Durability, string> = { always: 'Saved on disk', interval: 'Saved', never: 'Saved' }
const meaning: Record<Durability, string> = {
  always: 'The server has written everything from this tab to its disk and synced it: it survives kill -9 and power loss.',
  interval: 'The server has written everything from this tab: it survives kill -9, and power loss a moment later (fsync = interval).',
  never:
    'The server has written everything from this tab: it survives kill -9, and power loss when the system has synced it (fsync = never).',
}

const tones: Record<Standing['kind'], 'good' | 'busy' | 'warn' | 'bad'> = {
  connecting: 'busy',
  saved: 'good',
  saving: 'busy',
  stalled: 'bad',
  offline: 'warn',
  stopped: 'bad',
  refused: 'bad',
  readonly: 'good',
}

/** The standing, with "saved" held back until it has lasted. */
function useCalm(latest: Standing): Standing {
  const [calm, setCalm] = useState(latest)
  const isBack = latest.kind === 'saved' && calm.kind === 'saving'
  useEffect(() => {
    if (!isBack) {
      setCalm(latest)
      return
    }
    const timer = setTimeout(() => setCalm(latest), calmMs)
    return () => clearTimeout(timer)
  }, [latest, isBack])
  // Bad news is shown before any effect has run.
  return isBack ? calm : latest
}

/** Whether it has been on its way for long: however much is done meanwhile, and not where it was saved in between. */
function useLate({ kind }: Standing): boolean {
  const [isLate, setLate] = useState(false)
  const isPassing = kind === 'saving' || kind === 'connecting'
  useEffect(() => {
    if (!isPassing) return
    const timer = setTimeout(() => setLate(true), lateMs)
    return () => {
      clearTimeout(timer)
      setLate(false)
    }
  }, [isPassing])
  return isLate && isPassing
}

/** What a screen reader is told: it speaks when this changes to other words. What was told last is not told again, and nothing stays that is not so. */
function useTold(words: string): string {
  const heard = useRef('')
  const [told, setTold] = useState('')
  useEffect(() => {
    if (words === '') setTold('')
    if (words === '' || words === heard.current) return
    heard.current = words
    setTold(words)
  }, [words])
  return told === words ? told : ''
}

export function SaveMark({ session }: { session: Session }) {
  const latest = session.standing.value
  const standing = useCalm(latest)
  const fsync = session.endpoint.value?.fsync ?? 'always'
  const { title, more } = sentenceOf(standing, durable[fsync])
  // To be told of every keystroke that is saved would drown what is typed.
  const told = useTold(spokenOf(standing, durable[fsync], useLate(latest)))
  return (
    <div
      class={`mark ${tones[standing.kind]}`}
      data-standing={standing.kind}
      title={standing.kind === 'saved' ? meaning[fsync] : undefined}
    >
      <span class="dot" />
      <span class="words">
        <strong>{title}</strong>
        {more !== '' && <span class="more"> {more}</span>}
      </span>
      <span class="visually-hidden" role="status">
        {told}
      </span>
    </div>
  )
}
