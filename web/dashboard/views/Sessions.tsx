/** Who is in a document now, with what they say of themselves. */
import { useState } from 'preact/hooks'
import { documentPath, json } from '../api/client'
import { Fields } from '../api/fields'
import { ago } from '../format'
import { Confirm } from '../parts/Confirm'
import { Empty, Failed, Loading } from '../parts/Notice'
import { useLoaded } from '../parts/loaded'
import { now } from '../state/clock'
import { clip, colour, written } from '../text'

const sessionsMax = 500

/** Of the presence of one client, as text. */
const presenceMax = 240

interface Presence {
  client: string
  name: string | null
  colour: string | null
  /** All of it. */
  json: string
}

interface Session {
  id: string
  user: string | null
  right: string | null
  address: string | null
  sinceMs: number | null
  presence: Presence[]
}

export function parsePresence(client: string, state: unknown): Presence {
  const fields = new Fields(state)
  // What y-websocket and Hocuspocus examples, and most editors, call it.
  const user = fields.has('user') ? fields.fields('user') : fields
  return {
    client: clip(client, 20),
    name: user.text('name', 60),
    colour: colour(user.raw('color')),
    json: clip(written(state), presenceMax),
  }
}

function parse(value: unknown): Session[] {
  return new Fields(value).list('sessions', sessionsMax).flatMap((one): Session[] => {
    const id = one.text('id')
    if (id === null) return []
    return [
      {
        id,
        user: one.text('user'),
        right: one.text('right'),
        address: one.text('address'),
        sinceMs: one.number('since_ms'),
        presence: one
          .fields('awareness')
          .entries(50)
          .map(([client, state]) => parsePresence(client, state)),
      },
    ]
  })
}

export function Sessions({ document, turn }: { document: string; turn: number }) {
  const path = `${documentPath(document)}/sessions`
  const sessions = useLoaded(async signal => parse(await json(path, { signal })), `${document} ${turn}`)
  const [leaving, setLeaving] = useState<Session | null>(null)
  const all = sessions.value
  return (
    <section aria-labelledby="sessions-title">
      <h2 id="sessions-title">Live sessions</h2>
      {sessions.error !== null && <Failed error={sessions.error} again={sessions.again} />}
      {all === null && sessions.isLoading && <Loading what="sessions" />}
      {all?.length === 0 && <Empty>Nobody has this document open.</Empty>}
      {all && all.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-labelledby="sessions-title">
          <table>
            <caption class="visually-hidden">Live sessions of this document</caption>
            <thead>
              <tr>
                <th scope="col">Presence</th>
                <th scope="col">User</th>
                <th scope="col">Right</th>
                <th scope="col">Since</th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {all.map(session => (
                <tr key={session.id}>
                  <td>
                    {session.presence.length === 0 && <span class="soft">none</span>}
                    {session.presence.map(one => (
                      <PresenceMark key={one.client} presence={one} />
                    ))}
                  </td>
                  <td class="name">{session.user ?? '–'}</td>
                  <td>{session.right ?? '–'}</td>
                  <td class="nowrap">{session.sinceMs === null ? '–' : ago(now.value - session.sinceMs)}</td>
                  <td class="end">
                    <button
                      type="button"
                      aria-label={`Disconnect session ${session.id}`}
                      onClick={() => {
                        setLeaving(session)
                      }}
                    >
                      Disconnect
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {leaving && (
        <Confirm
          title="Disconnect this session?"
          action="Disconnect"
          isDangerous
          act={async () => {
            await json(`${path}/${encodeURIComponent(leaving.id)}`, { method: 'DELETE' })
            sessions.again()
          }}
          close={() => {
            setLeaving(null)
          }}
        >
          <p>
            {leaving.presence[0]?.name ?? leaving.user ?? `Session ${leaving.id}`} is disconnected. Most clients come back by themselves
            after a moment, and nothing they wrote is lost.
          </p>
        </Confirm>
      )}
    </section>
  )
}

function PresenceMark({ presence }: { presence: Presence }) {
  return (
    <span class="presence" title={presence.json}>
      <span class="dot" aria-hidden="true" style={presence.colour === null ? {} : { backgroundColor: presence.colour }} />
      {presence.name ?? `client ${presence.client}`}
    </span>
  )
}
