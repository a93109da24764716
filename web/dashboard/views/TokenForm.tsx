/** Asks for a token, because the server has. */
import { useId, useState } from 'preact/hooks'
import { setToken, token, tokenCharactersMax } from '../api/token'

export function TokenForm({ why }: { why: string }) {
  const [value, setValue] = useState('')
  const id = useId()
  const wasRefused = token.value !== null
  return (
    <section class="token-form panel" aria-labelledby={`${id}-title`}>
      <h1 id={`${id}-title`}>This server asks for a token</h1>
      <p role={wasRefused ? 'alert' : undefined} class={wasRefused ? 'error' : 'soft'}>
        {why}
      </p>
      <form
        onSubmit={event => {
          event.preventDefault()
          const trimmed = value.trim()
          if (trimmed !== '') setToken(trimmed)
        }}
      >
        <label for={id}>Token with the admin claim</label>
        <input
          id={id}
          type="password"
          autocomplete="off"
          spellcheck={false}
          maxLength={tokenCharactersMax}
          required
          value={value}
          onInput={event => {
            setValue(event.currentTarget.value)
          }}
        />
        <p class="soft">It is kept in this tab only, until you close it, and sent to this server only. Made by:</p>
        <pre tabIndex={0}>selvedge token --auth-secret-file secret --sub you --admin --ttl 1h</pre>
        <div class="actions">
          <button type="submit" class="primary">
            Use this token
          </button>
        </div>
      </form>
    </section>
  )
}
