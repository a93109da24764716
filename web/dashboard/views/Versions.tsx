/** Versions of a document: kept by hand or by policy, looked at, compared, and restored as a new edit. */
import { useId, useState } from 'preact/hooks'
import { documentPath, json } from '../api/client'
import { Fields } from '../api/fields'
import { ago, bytes, count, date } from '../format'
import { Confirm } from '../parts/Confirm'
import { Empty, Standing } from '../parts/Notice'
import { useLoaded } from '../parts/loaded'
import { now } from '../state/clock'
import { Compare } from './Compare'
import { View } from './View'

const versionsMax = 500

/** What the server takes. */
const nameMax = 200

export interface Version {
  id: string
  name: string | null
  author: string | null
  takenMs: number | null
  sequence: number | null
  bytes: number | null
  isAutomatic: boolean
}

export function parse(value: unknown): Version[] {
  return new Fields(value).list('versions', versionsMax).flatMap((one): Version[] => {
    const id = one.text('id')
    if (id === null) return []
    return [
      {
        id,
        name: one.name('name'),
        author: one.name('author'),
        takenMs: one.time('created_at'),
        sequence: one.number('sequence'),
        bytes: one.number('bytes'),
        isAutomatic: one.flag('automatic') ?? false,
      },
    ]
  })
}

function title(version: Version): string {
  return version.name ?? `version ${version.id}`
}

/** Names come again, those that are kept by themselves above all: the time tells them apart. */
export function label(version: Version): string {
  return version.takenMs === null ? title(version) : `${title(version)} (${date(version.takenMs)})`
}

interface Props {
  document: string
  turn: string
  /** Of the document as it is now. */
  sequence: number | null
  /** Of clients that are there now. */
  names: ReadonlyMap<string, string>
  restored: () => void
}

export function Versions({ document, turn, sequence, names, restored }: Props) {
  const path = `${documentPath(document)}/versions`
  const versions = useLoaded(async signal => parse(await json(path, { signal })), document, turn)
  const [restoring, setRestoring] = useState<Version | null>(null)
  const [opened, setOpened] = useState<{ version: Version; as: 'content' | 'comparison' } | null>(null)
  const close = () => {
    setOpened(null)
  }
  const [said, setSaid] = useState('')
  const all = versions.value
  return (
    <section aria-labelledby="versions-title">
      <h2 id="versions-title">Versions</h2>
      <Save
        path={path}
        saved={name => {
          setSaid(`Saved ${name === '' ? 'a version' : name}.`)
          versions.again()
        }}
      />
      <p class="soft" role="status">
        {said}
      </p>
      <Standing of={versions} what="versions" />
      {all?.length === 0 && <Empty>No version has been saved yet.</Empty>}
      {all && all.length > 0 && (
        <div class="scroll" tabIndex={0} role="group" aria-labelledby="versions-title">
          <table class="stacked">
            <caption class="visually-hidden">Versions of this document, the latest first</caption>
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Saved</th>
                <th scope="col">By</th>
                <th scope="col" class="number">
                  Sequence
                </th>
                <th scope="col" class="number">
                  Size
                </th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {all.map(version => (
                <tr key={version.id}>
                  <th scope="row" class="name">
                    {title(version)}
                  </th>
                  <td class="nowrap" title={date(version.takenMs)} data-label="Saved">
                    {version.takenMs === null ? '–' : ago(now.value - version.takenMs)}
                  </td>
                  <td class="name" data-label="By">
                    {version.isAutomatic ? 'policy' : (version.author ?? '–')}
                  </td>
                  <td class="number" data-label="Sequence">
                    {count(version.sequence)}
                  </td>
                  <td class="number" data-label="Size">
                    {bytes(version.bytes)}
                  </td>
                  <td class="end">
                    <div class="actions">
                      <button
                        type="button"
                        aria-label={`View ${label(version)}`}
                        onClick={() => {
                          setOpened({ version, as: 'content' })
                        }}
                      >
                        View
                      </button>
                      <button
                        type="button"
                        aria-label={`Compare ${label(version)}`}
                        onClick={() => {
                          setOpened({ version, as: 'comparison' })
                        }}
                      >
                        Compare
                      </button>
                      <button
                        type="button"
                        aria-label={`Restore ${label(version)}`}
                        onClick={() => {
                          setRestoring(version)
                        }}
                      >
                        Restore
                      </button>
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {opened?.as === 'content' && <View key={opened.version.id} path={path} version={opened.version} close={close} />}
      {opened?.as === 'comparison' && all && (
        <Compare
          key={opened.version.id}
          path={path}
          version={opened.version}
          versions={all}
          sequence={sequence}
          names={names}
          close={close}
        />
      )}
      {restoring && (
        <Confirm
          title={`Restore ${label(restoring)}?`}
          action="Restore"
          act={async () => {
            await json(`${path}/${encodeURIComponent(restoring.id)}/restore`, { method: 'POST' })
            setSaid(`Restored ${label(restoring)}.`)
            restored()
          }}
          close={() => {
            setRestoring(null)
          }}
        >
          <p>
            The document becomes what it was then, as a new edit that everybody who has it open receives. What it is now is kept as a
            version first.
          </p>
        </Confirm>
      )}
    </section>
  )
}

function Save({ path, saved }: { path: string; saved: (name: string) => void }) {
  const [name, setName] = useState('')
  const [error, setError] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const id = useId()
  const save = async () => {
    setBusy(true)
    setError(null)
    try {
      await json(path, { method: 'POST', body: { name: name.trim() } })
      saved(name.trim())
      setName('')
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : 'It failed.')
    } finally {
      setBusy(false)
    }
  }
  return (
    <form
      class="tools"
      onSubmit={event => {
        event.preventDefault()
        void save()
      }}
    >
      <div class="field">
        <label for={id}>Name of a version</label>
        <input
          id={id}
          maxLength={nameMax}
          required
          value={name}
          onInput={event => {
            setName(event.currentTarget.value)
          }}
        />
      </div>
      <button type="submit" disabled={isBusy}>
        {isBusy ? 'Saving…' : 'Save version'}
      </button>
      {error !== null && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
    </form>
  )
}
