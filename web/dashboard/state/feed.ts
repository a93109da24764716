/** The stream of events of the server: opened, read, and opened again. Knows what state it is in, and not what events mean. */
import { computed, effect, signal } from '@preact/signals'
import { Failure, failureOf, headers } from '../api/client'
import { EventStream, type ServerEvent } from '../api/event-stream'
import { token } from '../api/token'
import { isWatched } from './watched'

export type Connection =
  /** For the first time, or after it was lost. */
  | { phase: 'connecting'; isAgain: boolean }
  | { phase: 'live' }
  /** Nobody looks. A browser has few connections for one server, and each stream takes one from all of its tabs. */
  | { phase: 'resting' }
  /** Another try follows. */
  | { phase: 'waiting'; untilMs: number; why: string }
  /** Nothing changes until somebody gives another token. */
  | { phase: 'refused'; why: string }

export const connection = signal<Connection>({ phase: 'connecting', isAgain: false })

/** The server was lost and has not come back: what is known is what was. */
export const isAway = computed(() => {
  const state = connection.value
  return state.phase === 'waiting' || (state.phase === 'connecting' && state.isAgain)
})

/** A status comes every second: after so long without one the connection is dead, whatever the system says. */
const silenceMs = 10_000

const pauseMinMs = 1_000
const pauseMaxMs = 15_000

/** What is asked for; what happens to documents can be thousands of events a second, and is not. */
const path = '/v1/events?types=status,refused,version'

/** Names of events are like this; anything else is not sent back. */
const eventId = /^[\x21-\x7e]{1,200}$/

/** Of the last event: what came since is told when the stream goes on. */
let lastId = ''

let wake = () => {}

/** Does not wait for the next try. */
export function retryNow(): void {
  wake()
}

/** Reads events for as long as somebody may look at the page. */
export function follow(take: (event: ServerEvent) => void): void {
  effect(() => {
    // Another token is another stream.
    void token.value
    if (!isWatched.value) {
      connection.value = { phase: 'resting' }
      return
    }
    const stop = new AbortController()
    void keepOpen(take, stop.signal)
    return () => {
      stop.abort()
    }
  })
}

async function keepOpen(take: (event: ServerEvent) => void, stopped: AbortSignal): Promise<void> {
  let pauseMs = pauseMinMs
  let isAgain = false
  const isOver = () => stopped.aborted
  while (!isOver()) {
    connection.value = { phase: 'connecting', isAgain }
    let why: string
    try {
      await read(event => {
        pauseMs = pauseMinMs
        connection.value = { phase: 'live' }
        if (eventId.test(event.id)) lastId = event.id
        take(event)
      }, stopped)
      why = 'The server has ended the stream.'
    } catch (error) {
      if (error instanceof Failure && (error.status === 401 || error.status === 403)) {
        if (!isOver()) connection.value = { phase: 'refused', why: error.message }
        return
      }
      why = error instanceof Failure ? error.message : 'The connection was lost.'
    }
    if (isOver()) return
    isAgain = true
    // Many pages must not come back in the same moment.
    const ms = pauseMs * (0.75 + Math.random() / 2)
    connection.value = { phase: 'waiting', untilMs: Date.now() + ms, why }
    await rest(ms, stopped)
    pauseMs = Math.min(pauseMs * 2, pauseMaxMs)
  }
}

async function read(take: (event: ServerEvent) => void, stopped: AbortSignal): Promise<void> {
  const silent = new AbortController()
  const signal = AbortSignal.any([stopped, silent.signal])
  let timer = setTimeout(() => silent.abort(), silenceMs)
  try {
    const response = await fetch(path, {
      headers: headers({ accept: 'text/event-stream', ...(lastId === '' ? {} : { 'last-event-id': lastId }) }),
      signal,
      cache: 'no-store',
      credentials: 'omit',
    })
    if (!response.ok) throw await failureOf(response)
    if (!response.body) return
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const stream = new EventStream()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(() => silent.abort(), silenceMs)
      for (const event of stream.push(value)) take(event)
    }
  } finally {
    clearTimeout(timer)
    silent.abort()
  }
}

function rest(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(done, ms)
    wake = done
    stopped.addEventListener('abort', done, { once: true })
  })
}
