/** Something that is fetched for a view: loading, there, or failed. An answer that is overtaken is dropped. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { token } from '../api/token'
import { connection } from '../state/feed'

export interface Loaded<T> {
  /** The latest; kept while it is fetched anew. */
  value: T | null
  /** Why the latest answer is none; kept until the next one, so that what is asked for every few seconds does not flicker. */
  error: string | null
  /** Nothing is known yet: neither what it is nor why it cannot be had. */
  isLoading: boolean
  again: () => void
}

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
  const [state, setState] = useState<{ key: string; value: T | null; error: string | null }>({ key, value: null, error: null })
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
    setState(before => (before.key === key ? before : { key, value: null, error: null }))
    const answered = latest.current(stop.signal).then(
      value => {
        if (!stop.signal.aborted) setState({ key, value, error: null })
      },
      (failure: unknown) => {
        if (stop.signal.aborted) return
        const error = failure instanceof Error ? failure.message : 'It failed.'
        setState(before => ({ ...before, error }))
      },
    )
    void answered.then(rest)
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [key, turn, ownTurn, bearer, restMs])

  const again = useCallback(() => {
    setState(before => ({ ...before, error: null }))
    setOwnTurn(turn => turn + 1)
  }, [])

  const { value, error } = state.key === key ? state : { value: null, error: null }
  // What failed while the server was away is asked for again when it is back.
  const hasFailed = useRef(false)
  hasFailed.current = error !== null
  useEffect(() => {
    if (isLive && hasFailed.current) again()
  }, [isLive])

  return { value, error, isLoading: value === null && error === null, again }
}
