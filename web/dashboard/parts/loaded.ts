/** Something that is fetched for a view: loading, there, or failed. An answer that is overtaken is dropped. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { Failure } from '../api/client'
import { token } from '../api/token'
import { connection } from '../state/feed'

export interface Loaded<T> {
  /** The latest; kept while it is fetched anew. */
  value: T | null
  /** Why the latest answer is none; kept until the next one, so that what is asked for every few seconds does not flicker. */
  error: string | null
  /** It stays so however often it is asked for: only another state of the document or of the server changes it. */
  isLasting: boolean
  /** Nothing is known yet: neither what it is nor why it cannot be had. */
  isLoading: boolean
  again: () => void
}

type State<T> = Pick<Loaded<T>, 'value' | 'error' | 'isLasting'> & { key: string }

const unknown = { value: null, error: null, isLasting: false }

/**
 * `key` is what it is of: of another one nothing is known. With another `turn` it is the same thing, fetched anew, and so it is `restMs` after each
 * answer while the page is looked at: however slow the server is, it is not asked again before it has answered.
 */
export function useLoaded<T>(
  fetch: (signal: AbortSignal) => Promise<T>,
  key: string,
  turn: string | number = 0,
  restMs?: number,
): Loaded<T> {
  const [ownTurn, setOwnTurn] = useState(0)
  const [state, setState] = useState<State<T>>({ key, ...unknown })
  const latest = useRef(fetch)
  latest.current = fetch
  const bearer = token.value
  const isLive = connection.value.phase === 'live'

  useEffect(() => {
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const rest = () => {
      if (restMs === undefined || stop.signal.aborted) return
      timer = setTimeout(() => {
        if (document.hidden) rest()
        else setOwnTurn(turn => turn + 1)
      }, restMs)
    }
    setState(before => (before.key === key ? before : { key, ...unknown }))
    const answered = latest.current(stop.signal).then(
      value => {
        if (!stop.signal.aborted) setState({ ...unknown, key, value })
      },
      (failure: unknown) => {
        if (stop.signal.aborted) return
        const error = failure instanceof Error ? failure.message : 'It failed.'
        setState(before => ({ ...before, error, isLasting: failure instanceof Failure && failure.isLasting }))
      },
    )
    void answered.then(rest)
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [key, turn, ownTurn, bearer, restMs])

  const again = useCallback(() => {
    setState(before => ({ ...before, error: null, isLasting: false }))
    setOwnTurn(turn => turn + 1)
  }, [])

  const { value, error, isLasting } = state.key === key ? state : unknown
  // What failed while the server was away is asked for again when it is back.
  const hasFailed = useRef(false)
  hasFailed.current = error !== null
  useEffect(() => {
    if (isLive && hasFailed.current) again()
  }, [isLive])

  return { value, error, isLasting, isLoading: value === null && error === null, again }
}
