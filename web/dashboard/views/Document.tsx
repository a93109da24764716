/** One document: what is known of it, who is in it, what it says, and its versions. */
import { useState } from 'preact/hooks'
import { documentPath, json } from '../api/client'
import { Fields } from '../api/fields'
import { facts } from '../facts'
import { Facts } from '../parts/Facts'
import { Failed, Loading } from '../parts/Notice'
import { useLoaded } from '../parts/loaded'
import { address } from '../state/route'
import { clip } from '../text'
import { Preview } from './Preview'
import { Sessions } from './Sessions'
import { Versions } from './Versions'

export function DocumentPage({ name }: { name: string }) {
  const [turn, setTurn] = useState(0)
  const path = documentPath(name)
  const metadata = useLoaded(async signal => new Fields(await json(path, { signal })), `${name} ${turn}`)
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
            <Facts facts={facts(metadata.value).filter(({ label }) => label !== 'Name')} />
          </section>
          <Sessions document={name} turn={turn} />
          <Preview document={name} turn={turn} />
          <Versions
            document={name}
            turn={turn}
            restored={() => {
              setTurn(turn + 1)
            }}
          />
        </>
      )}
    </>
  )
}
