/** Which view is shown now. */
import { signal } from '@preact/signals'
import { parse, type Route } from './route-address'

export const route = signal<Route>(parse(location.hash))

addEventListener('hashchange', () => {
  route.value = parse(location.hash)
})
