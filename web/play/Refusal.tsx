/** What can be done where the server lets this tab not in: another token, or another try. */
import { useEffect, useState } from 'preact/hooks'
import type { Session } from './session'
import { storedToken, tokenAdvice, tokenCharactersMax } from './token'

export function Refusal({ session }: { session: Session }) {
  const [token, setToken] = useState(storedToken)
  /** Somebody has tried again, and waits for what comes of it. */
  const [tried, setTried] = useState(false)
  const { kind } = session.standing.value
  const isShown = kind === 'refused' || (tried && kind === 'connecting')

  useEffect(() => {
    if (kind === 'refused' || kind === 'connecting') return
    // The focus was in what is no longer there.
    if (tried && document.activeElement === document.body) document.querySelector('main')?.focus({ preventScroll: true })
    setTried(false)
  }, [kind, tried])

  if (!isShown) return null
  if (!session.tokens.value) {
    return (
      <div class="refusal">
        <button
          type="button"
          onClick={() => {
            setTried(true)
            session.retry()
          }}
        >
          Try again
        </button>
      </div>
    )
  }
  const advice = tokenAdvice()
  return (
    <form
      class="refusal"
      onSubmit={event => {
        event.preventDefault()
        setTried(true)
        session.retry(token.trim())
      }}
    >
      <label for="token">Token for this document</label>
      <input
        id="token"
        type="password"
        autocomplete="off"
        spellcheck={false}
        maxLength={tokenCharactersMax}
        value={token}
        onInput={event => setToken(event.currentTarget.value)}
        aria-describedby="token-hint"
      />
      <button type="submit" class="primary">
        Connect
      </button>
      <div id="token-hint" class="hint">
        {advice !== undefined && <p class="advice">{advice}</p>}
        <p>It is kept in this tab only, until you close it. Made by:</p>
        <pre tabIndex={0}>selvedge token --auth-secret-file secret --sub you --document '*=write'</pre>
      </div>
    </form>
  )
}
