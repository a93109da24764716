/** Which view is shown now. */
import { effect, signal } from '@preact/signals'
import { address, everything, type Listing, parse, type Route } from './route-address'

export const route = signal<Route>(parse(location.hash))

/** The list of documents that was looked at last: where the way up from a document leads. */
export const lastListing = signal<Listing>(everything)

effect(() => {
  if (route.value.view === 'documents') lastListing.value = route.value.listing
})

addEventListener('hashchange', () => {
  route.value = parse(location.hash)
})

/** Goes there. What is `replaced` has no place of its own for the back button. */
export function go(to: Route, { isReplaced = false } = {}): void {
  if (isReplaced) history.replaceState(null, '', address(to))
  else history.pushState(null, '', address(to))
  route.value = to
}
