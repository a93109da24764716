/** Views and their addresses: fragments of the page's, so that the back button works. Tokens are never in them. */

/** Which of the documents are listed. */
export interface Listing {
  prefix: string
  /** Only those that have sessions. */
  isLive: boolean
  /** Where the page begins; nothing at the first. */
  cursor: string | null
  /** Its number, from 1. */
  page: number
}

const plain = ['overview', 'alerts', 'refusals', 'settings'] as const

export type Route = { view: (typeof plain)[number] } | { view: 'documents'; listing: Listing } | { view: 'document'; name: string }

export const everything: Listing = { prefix: '', isLive: false, cursor: null, page: 1 }

/** Names are no longer than this in bytes, so a longer prefix finds nothing. */
export const prefixMax = 256

/** Longer than any cursor that the server gives. */
const cursorMax = 2_000

export function parse(fragment: string): Route {
  const list = /^#\/documents\/?(?:\?(.*))?$/.exec(fragment)
  if (list) return { view: 'documents', listing: listing(list[1] ?? '') }
  const [, view = '', ...rest] = fragment.replace(/^#/, '').split('/')
  if (view === 'documents') {
    try {
      return { view: 'document', name: decodeURIComponent(rest.join('/')) }
    } catch {
      // Percent signs that encode nothing: somebody typed it.
      return { view: 'documents', listing: everything }
    }
  }
  return { view: plain.find(one => one === view) ?? 'overview' }
}

function listing(query: string): Listing {
  const fields = new URLSearchParams(query)
  const cursor = fields.get('cursor') ?? ''
  const page = Number(fields.get('page'))
  const isFirst = cursor === '' || cursor.length > cursorMax
  return {
    prefix: (fields.get('prefix') ?? '').slice(0, prefixMax),
    isLive: fields.get('live') === 'true',
    cursor: isFirst ? null : cursor,
    page: isFirst || !Number.isSafeInteger(page) || page < 2 ? 1 : page,
  }
}

export function address(route: Route): string {
  switch (route.view) {
    case 'document':
      return `#/documents/${encodeURIComponent(route.name)}`
    case 'documents': {
      const { prefix, isLive, cursor, page } = route.listing
      const query = new URLSearchParams()
      if (prefix !== '') query.set('prefix', prefix)
      if (isLive) query.set('live', 'true')
      if (cursor !== null) query.set('cursor', cursor)
      if (page > 1) query.set('page', String(page))
      return `#/documents${query.size === 0 ? '' : `?${query}`}`
    }
    case 'overview':
    case 'alerts':
    case 'refusals':
    case 'settings':
      return `#/${route.view}`
  }
}
