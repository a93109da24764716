/** Something that is fetched for a view: loading, there, or failed. An answer that is overtaken is dropped. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { token } from '../api/token'

export interface Loaded<T> {
  /** The latest; kept while it is fetched anew. */
  value: T | null
  error: string | null
  isLoading: boolean
  again: () => void
}

/** `key` is what it is of: of another one nothing is known. With another `turn` it is the same thing, fetched anew. */
export function useLoaded<T>(fetch: (signal: AbortSignal) => Promise<T>, key: string, turn: string | number = 0): Loaded<T> {
  const [ownTurn, setOwnTurn] = useState(0)
  const [state, setState] = useState<{ key: string; value: T | null; error: string | null; isLoading: boolean }>({
    key,
    value: null,
    error: null,
    isLoading: true,
  })
  const latest = useRef(fetch)
  latest.current = fetch
  const bearer = token.value

  useEffect(() => {
    const stop = new AbortController()
    setState(before => ({ key, value: before.key === key ? before.value : null, error: null, isLoading: true }))
    latest.current(stop.signal).then(
      value => {
        if (!stop.signal.aborted) setState({ key, value, error: null, isLoading: false })
      },
      (failure: unknown) => {
        if (stop.signal.aborted) return
        const error = failure instanceof Error ? failure.message : 'It failed.'
        setState(before => ({ ...before, error, isLoading: false }))
      },
    )
    return () => {
      stop.abort()
    }
  }, [key, turn, ownTurn, bearer])

  const again = useCallback(() => {
    setOwnTurn(turn => turn + 1)
  }, [])
  return { value: state.key === key ? state.value : null, error: state.error, isLoading: state.isLoading || state.key !== key, again }
}
