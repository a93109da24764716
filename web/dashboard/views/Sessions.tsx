/** Who is in a document now, with what they say of themselves. */
import { useState } from 'preact/hooks'
import { documentPath, json } from '../api/client'
import { Fields } from '../api/fields'
import { count, date, duration } from '../format'
import { Confirm } from '../parts/Confirm'
import { Empty, Standing } from '../parts/Notice'
import { type Loaded, useLoaded } from '../parts/loaded'
import { now } from '../state/clock'
import { clip, colour, written } from '../text'

const sessionsMax = 500

/** Clients that one session speaks for: one, or as many as a server that is connected brings. */
const presencesMax = 50

/** Of the presence of one client, as text. */
const presenceMax = 400

interface Presence {
  client: string
  name: string | null
  colour: string | null
  /** All of it. */
  json: string
}

interface Session {
  id: string
  access: string
  dialect: string
  sinceMs: number | null
  /** Whose it is, where tokens are asked for. */
  subject: string | null
  address: string | null
  presence: Presence[]
}

export function parsePresence(of: Fields): Presence {
  const state = of.fields('state')
  // What y-websocket and Hocuspocus examples, and most editors, call it.
  const user = state.has('user') ? state.fields('user') : state
  return {
    client: of.text('client', 20) ?? '',
    name: user.name('name', 60),
    colour: colour(user.raw('color')),
    json: clip(written(of.raw('state')), presenceMax, true),
  }
}

interface Page {
  sessions: Session[]
  /** With those that are not listed. */
  count: number
}

export function parse(value: unknown): Page {
  const page = new Fields(value)
  const sessions = page.list('sessions', sessionsMax).flatMap((one): Session[] => {
    const id = one.text('id')
    if (id === null) return []
    return [
      {
        id,
        access: one.text('access') ?? '–',
        dialect: one.text('dialect') ?? '–',
        sinceMs: one.time('since'),
        subject: one.name('subject'),
        address: one.text('address', 60),
        presence: one.list('awareness', presencesMax).map(parsePresence),
      },
    ]
  })
  return { sessions, count: Math.max(page.number('count') ?? 0, sessions.length) }
}

/** Of a document. With another `turn` they are looked for anew, and `restMs` after each answer. */
export function useSessions(document: string, turn: number, restMs: number): Loaded<Page> {
  return useLoaded(async signal => parse(await json(`${documentPath(document)}/sessions`, { signal })), document, turn, restMs)
}

/** What clients call themselves. */
export function names(page: Page | null): ReadonlyMap<string, string> {
  const presences = page?.sessions.flatMap(({ presence }) => presence) ?? []
  return new Map(presences.flatMap(({ client, name }): [string, string][] => (name === null ? [] : [[client, name]])))
}

export function Sessions({ document, sessions }: { document: string; sessions: Loaded<Page> }) {
  const [leaving, setLeaving] = useState<Session | null>(null)
  const all = sessions.value?.sessions ?? null
  const left = (sessions.value?.count ?? 0) - (all?.length ?? 0)
  return (
    <section aria-labelledby="sessions-title">
      <h2 id="sessions-title">Live sessions</h2>
      <Standing of={sessions} what="sessions" />
      {all?.length === 0 && <Empty>Nobody has this document open.</Empty>}
      {all && all.length > 0 && (
        <div class="scroll" tabIndex={0} role="group" aria-labelledby="sessions-title">
          <table class="stacked">
            <caption class="visually-hidden">Live sessions of this document</caption>
            <thead>
              <tr>
                <th scope="col">Presence</th>
                <th scope="col">User</th>
                <th scope="col">Address</th>
                <th scope="col">Session</th>
                <th scope="col">Access</th>
                <th scope="col">Protocol</th>
                <th scope="col">For</th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {all.map(session => (
                <tr key={session.id}>
                  <td class="whole">
                    {session.presence.length === 0 && <span class="soft">none</span>}
                    {session.presence.map(one => (
                      <PresenceMark key={one.client} presence={one} />
                    ))}
                  </td>
                  <td class="name" data-label="User">
                    {session.subject ?? '–'}
                  </td>
                  <td class="nowrap" data-label="Address">
                    {session.address ?? '–'}
                  </td>
                  <td class="nowrap" data-label="Session">
                    {session.id}
                  </td>
                  <td data-label="Access">{session.access}</td>
                  <td class="nowrap" data-label="Protocol">
                    {session.dialect}
                  </td>
                  <td class="nowrap" title={date(session.sinceMs)} data-label="For">
                    {session.sinceMs === null ? '–' : duration(Math.max(0, now.value - session.sinceMs) / 1_000)}
                  </td>
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
      {left > 0 && <p class="soft">{count(left)} more are not shown.</p>}
      {leaving && (
        <Confirm
          title="Disconnect this session?"
          action="Disconnect"
          isDangerous
          act={async () => {
            await json(`${documentPath(document)}/sessions/${encodeURIComponent(leaving.id)}`, { method: 'DELETE' })
            sessions.again()
          }}
          close={() => {
            setLeaving(null)
          }}
        >
          <p>
            {leaving.presence[0]?.name ?? `Session ${leaving.id}`} is disconnected. {afterwards(leaving.dialect)} What has reached the
            server stays.
          </p>
        </Confirm>
      )}
    </section>
  )
}

/** What clients do whose session has ended: docs/PROTOCOL.md, "Close codes". */
function afterwards(dialect: string): string {
  return dialect === 'hocuspocus'
    ? 'A Hocuspocus client does not open the document again by itself: its page has to, or be loaded again.'
    : 'A y-websocket client comes back by itself after a moment.'
}

function PresenceMark({ presence }: { presence: Presence }) {
  return (
    <span class="presence" title={presence.json}>
      <span class="dot" aria-hidden="true" style={presence.colour === null ? {} : { backgroundColor: presence.colour }} />
      {presence.name ?? `client ${presence.client}`}
    </span>
  )
}
