/** The documents that are stored, by the start of their names, a page at a time. */
import { useEffect, useId, useState } from 'preact/hooks'
import { json } from '../api/client'
import { Fields } from '../api/fields'
import { ago, date } from '../format'
import { Empty, Standing } from '../parts/Notice'
import { useLoaded } from '../parts/loaded'
import { now } from '../state/clock'
import { address } from '../state/route-address'
import { clip } from '../text'

const pageSize = 50

/** Names are no longer than this in bytes, so a longer prefix finds nothing. */
const prefixMax = 256

/** Keys that follow each other so closely are one question. */
const typingMs = 250

interface Row {
  name: string
  createdMs: number | null
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
    return name === null ? [] : [{ name, createdMs: one.time('created_at') }]
  })
  return { rows, next: page.exact('next') }
}

async function load(prefix: string, cursor: string | null, signal: AbortSignal): Promise<Page> {
  const query = new URLSearchParams({ limit: String(pageSize) })
  if (prefix !== '') query.set('prefix', prefix)
  if (cursor !== null) query.set('cursor', cursor)
  return parse(await json(`/v1/documents?${query}`, { signal }))
}

export function Documents() {
  const [typed, setTyped] = useState('')
  const [prefix, setPrefix] = useState('')
  /** Cursors of the pages up to this one; the first has none. */
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null])
  const id = useId()

  useEffect(() => {
    const timer = setTimeout(() => {
      setPrefix(typed)
      setCursors(before => (typed === prefix ? before : [null]))
    }, typingMs)
    return () => {
      clearTimeout(timer)
    }
  }, [typed])

  const cursor = cursors.at(-1) ?? null
  const page = useLoaded(signal => load(prefix, cursor, signal), JSON.stringify([prefix, cursor]))

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
        <button type="button" onClick={page.again}>
          Refresh
        </button>
      </div>
      <Standing of={page} what="documents" />
      {page.value?.rows.length === 0 && (
        <Empty>
          {prefix === '' ? (
            <>
              There are no documents yet. Open the <a href="/play">playground</a> to make one.
            </>
          ) : (
            'No document has a name that starts so.'
          )}
        </Empty>
      )}
      {page.value && page.value.rows.length > 0 && <DocumentTable rows={page.value.rows} />}
      {page.value && (cursors.length > 1 || page.value.next !== null) && (
        <nav class="pager" aria-label="Pages of documents">
          <button
            type="button"
            disabled={cursors.length === 1}
            onClick={() => {
              setCursors(cursors.slice(0, -1))
            }}
          >
            Previous
          </button>
          <span class="soft">Page {cursors.length}</span>
          <button
            type="button"
            disabled={page.value.next === null}
            onClick={() => {
              setCursors([...cursors, page.value?.next ?? null])
            }}
          >
            Next
          </button>
        </nav>
      )}
    </>
  )
}

function DocumentTable({ rows }: { rows: readonly Row[] }) {
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Documents">
      <table>
        <caption class="visually-hidden">Documents by name</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Created</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <tr key={row.name}>
              <th scope="row" class="name">
                <a href={address({ view: 'document', name: row.name })}>{clip(row.name)}</a>
              </th>
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
