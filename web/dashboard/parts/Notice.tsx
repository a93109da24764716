/** A few words in the place of what is not there: nothing yet, nothing at all, or why not. */
import type { ComponentChildren } from 'preact'
import { connection, isAway } from '../state/feed'
import type { Loaded } from './loaded'

function Loading({ what }: { what: string }) {
  return (
    <p class="notice" role="status">
      Loading {what}…
    </p>
  )
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="notice">{children}</p>
}

/** Without `again` nothing is offered: it would fail in the same way. */
function Failed({ error, again }: { error: string; again: (() => void) | null }) {
  return (
    <div class="notice error" role="alert">
      <p>{error}</p>
      {again !== null && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  )
}

/** How it stands with something that is fetched, where it is not simply there. */
export function Standing<T>({ of, what }: { of: Loaded<T>; what: string }) {
  if (of.isLoading) return <Loading what={what} />
  if (of.error === null) return null
  // That the server is away is said at the top, once for all.
  if (isAway.value) return of.value === null ? <Empty>The server cannot be asked for {what} now.</Empty> : null
  return <Failed error={of.error} again={of.isLasting ? null : of.again} />
}

/** In the place of figures that have not come yet. The line at the top says why. */
export function NoFigures() {
  if (isAway.value) return <Empty>There are no figures yet: the server cannot be asked.</Empty>
  if (connection.value.phase === 'refused') return <Empty>There are no figures without a token with the admin claim.</Empty>
  return <Loading what="figures" />
}
