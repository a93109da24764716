/** One document: what is known of it, who is in it, what it says, and its versions. */
import { useEffect, useState } from 'preact/hooks'
import { documentPath, json } from '../api/client'
import { Fields } from '../api/fields'
import type { Fact } from '../facts'
import { bytes, count, date } from '../format'
import { Facts } from '../parts/Facts'
import { Failed, Loading } from '../parts/Notice'
import { useLoaded } from '../parts/loaded'
import { documentEvent } from '../state/live'
import { address } from '../state/route-address'
import { clip } from '../text'
import { Preview } from './Preview'
import { Sessions } from './Sessions'
import { Versions } from './Versions'

/** Events that follow each other so closely are one reason to look again. */
const eventsMs = 1_000

function parse(value: unknown): Fact[] {
  const of = new Fields(value)
  return [
    { label: 'Size on disk', value: bytes(of.number('bytes')) },
    { label: 'Sequence', value: count(of.number('sequence')) },
    { label: 'Sessions', value: count(of.number('sessions')) },
    { label: 'Created', value: date(of.time('created_at')) },
    { label: 'Changed', value: date(of.time('updated_at')) },
  ]
}

export function DocumentPage({ name }: { name: string }) {
  /** What is loaded anew when these change: all, what is true of the document now, its versions. */
  const [turn, setTurn] = useState(0)
  const [nowTurn, setNowTurn] = useState(0)
  const [versionTurn, setVersionTurn] = useState(0)
  const path = documentPath(name)
  const metadata = useLoaded(async signal => parse(await json(path, { signal })), name, `${turn} ${nowTurn}`)

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null
    let hasVersion = false
    const stop = documentEvent.subscribe(event => {
      if (event?.name !== name) return
      hasVersion ||= event.kind === 'version'
      // A document that is written to changes all the time.
      timer ??= setTimeout(() => {
        timer = null
        setNowTurn(turn => turn + 1)
        if (hasVersion) setVersionTurn(turn => turn + 1)
        hasVersion = false
      }, eventsMs)
    })
    return () => {
      stop()
      if (timer !== null) clearTimeout(timer)
    }
  }, [name])
  return (
    <>
      <div class="view-head">
        <nav aria-label="Where this is">
          <a href={address({ view: 'documents', name: null })}>Documents</a> /
        </nav>
        <h1 class="document-name">{clip(name, 400)}</h1>
        <button
          type="button"
          onClick={() => {
            setTurn(turn + 1)
          }}
        >
          Refresh
        </button>
      </div>
      {metadata.error !== null && <Failed error={metadata.error} again={metadata.again} />}
      {metadata.value === null && metadata.isLoading && <Loading what="the document" />}
      {metadata.value !== null && (
        <>
          <section class="panel" aria-label="Metadata">
            <Facts facts={metadata.value} isWide />
          </section>
          <Sessions document={name} turn={`${turn} ${nowTurn}`} />
          <Preview document={name} turn={turn} />
          <Versions
            document={name}
            turn={`${turn} ${versionTurn}`}
            restored={() => {
              setTurn(turn + 1)
            }}
          />
        </>
      )}
    </>
  )
}
