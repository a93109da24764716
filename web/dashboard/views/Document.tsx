/** One document: what is known of it, who is in it, what it says, and its versions. */
import { useEffect, useState } from 'preact/hooks'
import { documentPath, Failure, json } from '../api/client'
import { Fields } from '../api/fields'
import type { Fact } from '../facts'
import { bytes, count, date } from '../format'
import { Facts } from '../parts/Facts'
import { Empty, Standing } from '../parts/Notice'
import { useLoaded } from '../parts/loaded'
import { versionSaved } from '../state/live'
import { lastListing } from '../state/route'
import { address } from '../state/route-address'
import { named } from '../text'
import { Preview } from './Preview'
import { names, Sessions, useSessions } from './Sessions'
import { Versions } from './Versions'

/** After which time it is looked again who is there. Presence has no events: it changes with each key that somebody types. */
const nowMs = 3_000

interface Metadata {
  /** Grows with each change of the content. */
  sequence: number | null
  facts: Fact[]
}

export function parse(value: unknown): Metadata {
  const of = new Fields(value)
  const sequence = of.number('sequence')
  return {
    sequence,
    facts: [
      { label: 'Size on disk', value: bytes(of.number('bytes')) },
      { label: 'Sequence', value: count(sequence) },
      { label: 'Sessions', value: count(of.number('sessions')) },
      { label: 'Created', value: date(of.time('created_at')) },
      { label: 'Changed', value: date(of.time('updated_at')) },
    ],
  }
}

/** Nothing where nothing is stored: somebody may have opened it and not written yet. */
async function load(path: string, signal: AbortSignal): Promise<{ metadata: Metadata | null }> {
  try {
    return { metadata: parse(await json(path, { signal })) }
  } catch (failure) {
    if (failure instanceof Failure && failure.status === 404) return { metadata: null }
    throw failure
  }
}

export function DocumentPage({ name }: { name: string }) {
  /** What is loaded anew when these change: all, its versions. */
  const [turn, setTurn] = useState(0)
  const [versionTurn, setVersionTurn] = useState(0)
  const path = documentPath(name)
  const loaded = useLoaded(signal => load(path, signal), name, turn, nowMs)
  const metadata = loaded.value?.metadata ?? null
  const sessions = useSessions(name, turn, nowMs)

  useEffect(
    () =>
      versionSaved.subscribe(saved => {
        if (saved?.document === name) setVersionTurn(turn => turn + 1)
      }),
    [name],
  )

  return (
    <>
      <div class="view-head">
        <nav aria-label="Where this is">
          <a href={address({ view: 'documents', listing: lastListing.value })}>Documents</a> /
        </nav>
        <h1 class="document-name">{named(name, 400)}</h1>
        <button
          type="button"
          onClick={() => {
            setTurn(turn + 1)
          }}
        >
          Refresh
        </button>
      </div>
      <Standing of={loaded} what="the document" />
      {loaded.value !== null && metadata === null && <Empty>Nothing is stored under this name yet.</Empty>}
      {metadata !== null && (
        <>
          <section class="panel" aria-label="Metadata">
            <Facts facts={metadata.facts} isWide />
          </section>
          <Sessions document={name} sessions={sessions} />
          <Preview document={name} turn={`${turn} ${metadata.sequence}`} />
          <Versions
            document={name}
            turn={`${turn} ${versionTurn}`}
            sequence={metadata.sequence}
            names={names(sessions.value)}
            restored={() => {
              setTurn(turn + 1)
            }}
          />
        </>
      )}
    </>
  )
}
