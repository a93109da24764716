/** Which view is shown: the fragment of the address, so that views have addresses and the back button works. Tokens are never in it. */
import { signal } from '@preact/signals'

export type View = 'overview' | 'alerts' | 'documents' | 'document' | 'refusals' | 'settings'

export interface Route {
  view: View
  /** Of a document. */
  name: string | null
}

const plain: readonly View[] = ['overview', 'alerts', 'documents', 'refusals', 'settings']

export function parse(fragment: string): Route {
  const [, view = '', ...rest] = fragment.replace(/^#/, '').split('/')
  if (view === 'documents' && rest.length > 0 && rest[0] !== '') {
    try {
      return { view: 'document', name: decodeURIComponent(rest.join('/')) }
    } catch {
      // Percent signs that encode nothing: somebody typed it.
      return { view: 'documents', name: null }
    }
  }
  return { view: plain.find(one => one === view) ?? 'overview', name: null }
}

export function address(route: Route): string {
  return route.view === 'document' ? `#/documents/${encodeURIComponent(route.name ?? '')}` : `#/${route.view}`
}

export const route = signal<Route>(parse(location.hash))

addEventListener('hashchange', () => {
  route.value = parse(location.hash)
})
