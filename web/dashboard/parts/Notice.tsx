/** A few words in the place of what is not there: nothing yet, nothing at all, or why not. */
import type { ComponentChildren } from 'preact'

export function Loading({ what }: { what: string }) {
  return (
    <p class="notice" role="status">
      Loading {what}…
    </p>
  )
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="notice">{children}</p>
}

export function Failed({ error, again }: { error: string; again?: () => void }) {
  return (
    <div class="notice error" role="alert">
      <p>{error}</p>
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  )
}
