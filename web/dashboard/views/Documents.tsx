/** The documents that are stored or open, by the start of their names, a page at a time. The address says which, so the back button leads back. */
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { json } from '../api/client'
import { Fields } from '../api/fields'
import { ago, count, date } from '../format'
import { Empty, Standing } from '../parts/Notice'
import { useLoaded } from '../parts/loaded'
import { now } from '../state/clock'
import { go } from '../state/route'
import { address, type Listing, prefixMax } from '../state/route-address'
import { named } from '../text'

const pageSize = 50

/** Keys that follow each other so closely are one question. */
const typingMs = 250

/** After which time it is looked again who has documents open, where only those are shown. */
const liveMs = 3_000

interface Row {
  name: string
  createdMs: number | null
  sessions: number | null
}

interface Page {
  rows: Row[]
  /** Where the next page begins; nothing at the end. */
  next: string | null
}

function parse(value: unknown): Page {
  const page = new Fields(value)
  const rows = page.list('documents', pageSize).flatMap((one): Row[] => {
    const name = one.exact('name')
    return name === null ? [] : [{ name, createdMs: one.time('created_at'), sessions: one.number('sessions') }]
  })
  return { rows, next: page.exact('next') }
}

async function load({ prefix, isLive, cursor }: Listing, signal: AbortSignal): Promise<Page> {
  const query = new URLSearchParams({ limit: String(pageSize) })
  if (prefix !== '') query.set('prefix', prefix)
  if (isLive) query.set('live', 'true')
  else if (cursor !== null) query.set('cursor', cursor)
  return parse(await json(`/v1/documents?${query}`, { signal }))
}

/** Which page was before one, of those that were looked at. A page that was opened by its address has none. */
const before = new Map<string, Listing>()
const beforeMax = 1_000

function show(listing: Listing, options?: { isReplaced?: boolean }): void {
  go({ view: 'documents', listing }, options)
}

function turn(from: Listing, cursor: string): void {
  const to = { ...from, cursor, page: from.page + 1 }
  if (before.size >= beforeMax) before.clear()
  before.set(cursor, from)
  show(to)
}

function turnBack(from: Listing): void {
  const first = { ...from, cursor: null, page: 1 }
  show((from.cursor === null ? undefined : before.get(from.cursor)) ?? first)
}

export function Documents({ listing }: { listing: Listing }) {
  const { prefix, isLive, cursor, page: number } = listing
  const [typed, setTyped] = useState(prefix)
  /** What was typed and is in the address: if that has another prefix, somebody went back. */
  const sent = useRef(prefix)
  const id = useId()

  useEffect(() => {
    if (prefix === sent.current) return
    sent.current = prefix
    setTyped(prefix)
  }, [prefix])

  useEffect(() => {
    if (typed === sent.current) return
    const timer = setTimeout(() => {
      sent.current = typed
      show({ prefix: typed, isLive, cursor: null, page: 1 }, { isReplaced: true })
    }, typingMs)
    return () => {
      clearTimeout(timer)
    }
  }, [typed, isLive])

  const page = useLoaded(signal => load(listing, signal), JSON.stringify([prefix, isLive, cursor]), 0, isLive ? liveMs : undefined)
  const rows = page.value?.rows ?? []
  const next = page.value?.next ?? null

  return (
    <>
      <div class="view-head">
        <h1>Documents</h1>
      </div>
      <div class="tools">
        <div class="field">
          <label for={id}>Name starts with</label>
          <input
            id={id}
            type="search"
            maxLength={prefixMax}
            value={typed}
            onInput={event => {
              setTyped(event.currentTarget.value)
            }}
          />
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={isLive}
            onChange={event => {
              show({ prefix, isLive: event.currentTarget.checked, cursor: null, page: 1 })
            }}
          />
          With sessions only
        </label>
        <button type="button" onClick={page.again}>
          Refresh
        </button>
      </div>
      <Standing of={page} what="documents" />
      {/* Who types a prefix without seeing the list hears what is left of it. */}
      <p class="visually-hidden" role="status">
        {page.value === null ? '' : `${rows.length === 0 ? 'No' : rows.length} ${rows.length === 1 ? 'document' : 'documents'} shown`}
      </p>
      {page.value && rows.length === 0 && <None listing={listing} hasMore={next !== null} />}
      {rows.length > 0 && <DocumentTable rows={rows} />}
      {isLive && rows.length === pageSize && <p class="soft">The {pageSize} with the most sessions; there may be more.</p>}
      {page.value && (cursor !== null || next !== null) && (
        <nav class="pager" aria-label="Pages of documents">
          <button
            type="button"
            disabled={cursor === null}
            onClick={() => {
              turnBack(listing)
            }}
          >
            {cursor === null || number === 2 || before.has(cursor) ? 'Previous' : 'First page'}
          </button>
          <span class="soft">Page {number}</span>
          <button
            type="button"
            disabled={next === null}
            onClick={() => {
              if (next !== null) turn(listing, next)
            }}
          >
            Next
          </button>
        </nav>
      )}
    </>
  )
}

/** Why the page is empty. One may be that is not the last: the server looks at so many names and no further. */
function None({ listing: { prefix, isLive, cursor }, hasMore }: { listing: Listing; hasMore: boolean }) {
  if (hasMore) return <Empty>None on this page; there may be some on the next.</Empty>
  if (cursor !== null) return <Empty>There are no more documents.</Empty>
  if (isLive) return <Empty>No document {prefix === '' ? '' : 'whose name starts so '}has sessions.</Empty>
  if (prefix !== '') return <Empty>No document has a name that starts so.</Empty>
  return (
    <Empty>
      There are no documents yet. Open the <a href="/play">playground</a> to make one.
    </Empty>
  )
}

function DocumentTable({ rows }: { rows: readonly Row[] }) {
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Documents">
      <table>
        <caption class="visually-hidden">Documents</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" class="number">
              Sessions
            </th>
            <th scope="col">Created</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <tr key={row.name}>
              <th scope="row" class="name">
                <a href={address({ view: 'document', name: row.name })}>{named(row.name)}</a>
              </th>
              <td class="number">{row.sessions === 0 ? <span class="soft">0</span> : count(row.sessions)}</td>
              <td class="nowrap" title={date(row.createdMs)}>
                {row.createdMs === null ? 'nothing stored' : ago(now.value - row.createdMs)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
