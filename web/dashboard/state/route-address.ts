/** Views and their addresses: fragments of the page's, so that the back button works. Tokens are never in them. */
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
