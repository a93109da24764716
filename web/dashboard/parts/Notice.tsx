/** A few words in the place of what is not there: nothing yet, nothing at all, or why not. */
import type { ComponentChildren } from 'preact'
import { connection } from '../state/feed'

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

/** In the place of figures that have not come yet. The line at the top says why. */
export function NoFigures() {
  switch (connection.value.phase) {
    case 'connecting':
    case 'live':
      return <Loading what="figures" />
    case 'waiting':
      return <Empty>There are no figures yet: the server cannot be asked.</Empty>
    case 'refused':
      return <Empty>There are no figures without a token with the admin claim.</Empty>
  }
}
