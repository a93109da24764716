/** What can be done where the server lets this tab not in: another token, or another try. */
import { useState } from 'preact/hooks'
import type { Session } from './session'

export function Refusal({ session }: { session: Session }) {
  const [token, setToken] = useState(() => session.token())
  const standing = session.standing.value
  if (standing.kind !== 'refused') return null
  if (!session.tokens.value) {
    return (
      <div class="refusal">
        <button type="button" onClick={() => session.retry()}>
          Try again
        </button>
      </div>
    )
  }
  return (
    <form
      class="refusal"
      onSubmit={event => {
        event.preventDefault()
        session.retry(token.trim())
      }}
    >
      <label for="token">Token for this document</label>
      <input
        id="token"
        type="password"
        autocomplete="off"
        spellcheck={false}
        value={token}
        onInput={event => setToken(event.currentTarget.value)}
        aria-describedby="token-hint"
      />
      <button type="submit" class="primary">
        Connect
      </button>
      <p id="token-hint">
        <code>selvedge token --document '*=write'</code> makes one. It is kept in this tab only.
      </p>
    </form>
  )
}
