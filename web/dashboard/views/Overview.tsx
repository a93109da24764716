/** How the server is, at a glance. */
import { useId } from 'preact/hooks'
import { ago, bytes, count, duration, percent, rate, seconds } from '../format'
import { Chart, type Line } from '../parts/Chart'
import { words } from '../facts'
import { Facts } from '../parts/Facts'
import { Meter } from '../parts/Meter'
import { Empty, NoFigures } from '../parts/Notice'
import { Spark } from '../parts/Spark'
import { now as clock } from '../state/clock'
import { isAway } from '../state/feed'
import { type Series, status, statusAt } from '../state/live'
import { address, everything } from '../state/route-address'
import type { Status } from '../status'

const perSecond = (value: number | null) => (value === null ? rate(value) : `${rate(value)}/s`)
const bytesPerSecond = (value: number | null) => (value === null ? bytes(value) : `${bytes(value)}/s`)

const throughput: readonly Line[] = [
  { series: 'updates', label: 'updates', colour: '--line-1' },
  { series: 'deliveries', label: 'deliveries', colour: '--line-2', dash: [6, 3] },
]
const traffic: readonly Line[] = [
  { series: 'received', label: 'received', colour: '--line-1' },
  { series: 'sent', label: 'sent', colour: '--line-2', dash: [6, 3] },
]
const acknowledgement: readonly Line[] = [
  { series: 'acknowledge50', label: 'p50', colour: '--line-1' },
  { series: 'acknowledge95', label: 'p95', colour: '--line-2', dash: [6, 3] },
  { series: 'acknowledge99', label: 'p99', colour: '--line-3', dash: [2, 2] },
]
const delivery: readonly Line[] = [
  { series: 'deliver50', label: 'p50', colour: '--line-1' },
  { series: 'deliver95', label: 'p95', colour: '--line-2', dash: [6, 3] },
  { series: 'deliver99', label: 'p99', colour: '--line-3', dash: [2, 2] },
]

export function Overview() {
  const now = status.value
  return (
    <>
      <div class="view-head">
        <h1>Overview</h1>
        {now && (
          <p class="soft">
            {now.version !== null && <>Version {now.version} · </>}
            {!isAway.value && <>up {duration(now.uptimeSeconds)} · </>}
            {isAway.value ? (
              <span class="error">last seen {ago(clock.value - (statusAt.value ?? clock.value))}</span>
            ) : (
              <span class={now.isWell ? '' : 'error'}>{now.state}</span>
            )}
          </p>
        )}
      </div>
      {now === null ? (
        <NoFigures />
      ) : (
        <div class={isAway.value ? 'figures past' : 'figures'}>
          <Figures now={now} />
        </div>
      )}
    </>
  )
}

function Figures({ now }: { now: Status }) {
  const first = now.alerts.find(alert => alert.severity === 'critical') ?? now.alerts[0]
  return (
    <>
      {first && (
        <p class={`banner ${first.severity}`}>
          <strong>{first.severity === 'critical' ? 'Critical' : 'Warning'}:</strong> {first.title}{' '}
          {first.detail !== '' && `– ${first.detail}`}{' '}
          <a href={address({ view: 'alerts' })}>{now.alerts.length === 1 ? 'What to do' : `All ${now.alerts.length} alerts`}</a>
        </p>
      )}
      <section aria-label="Figures now">
        <ul class="tiles">
          <Tile label="Connections" value={count(now.connections)} series="connections">
            {now.connectionsMax !== null && `of at most ${count(now.connectionsMax)}`}
          </Tile>
          <Tile label="Sessions" value={count(now.sessions)} series="sessions">
            {now.sessionsBehind !== null && now.sessionsBehind > 0 && `${count(now.sessionsBehind)} behind`}
          </Tile>
          <Tile label="Documents in memory" value={count(now.documents)} series="documents">
            <a href={address({ view: 'documents', listing: { ...everything, isLive: true } })}>those with sessions</a>
          </Tile>
          <Tile label="Updates" value={perSecond(now.updatesPerSecond)} series="updates" />
          <Tile label="Deliveries" value={perSecond(now.deliveriesPerSecond)} series="deliveries">
            frames to sessions, authors too
          </Tile>
          <Tile label="Sent" value={bytesPerSecond(now.sentBytesPerSecond)} series="sent">
            received {bytesPerSecond(now.receivedBytesPerSecond)}
          </Tile>
        </ul>
      </section>
      <section aria-label="Over the last five minutes" class="grid two">
        <Chart title="Acknowledgement: until it is on disk" lines={acknowledgement} format={seconds} />
        <Chart title="Delivery: until it is sent to others" lines={delivery} format={seconds} />
        <Chart title="Updates and deliveries" lines={throughput} format={perSecond} />
        <Chart title="Traffic" lines={traffic} format={bytesPerSecond} isBinary />
      </section>
      <section aria-label="Resources" class="grid three">
        <Cores cores={now.cores} />
        <Memory memory={now.memory} />
        <Quality quality={now.quality} />
        <Storage storage={now.storage} />
        <Listed title="Cache of documents" facts={now.cache} />
        <Webhooks targets={now.webhooks} />
      </section>
      <Limits limits={now.limits} />
    </>
  )
}

function Tile({ label, value, series, children }: { label: string; value: string; series: Series; children?: preact.ComponentChildren }) {
  return (
    <li class="tile">
      <span class="tile-label">{label}</span>
      <span class="tile-value">{value}</span>
      <span class="tile-more">{children}</span>
      <Spark series={series} />
    </li>
  )
}

function Cores({ cores }: { cores: Status['cores'] }) {
  const id = useId()
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>Cores</h2>
      {cores.length === 0 && <Empty>No core has told its load yet.</Empty>}
      <div class="meters">
        {cores.map(({ core, load, isTurning, connections, documents }) => (
          <Meter
            key={core}
            label={`Core ${core}`}
            part={isTurning ? load : 1}
            text={isTurning ? percent(load) : 'stands still'}
            more={`${count(connections)} connections, ${count(documents)} documents in memory`}
          />
        ))}
      </div>
    </section>
  )
}

function Memory({ memory }: { memory: Status['memory'] }) {
  const id = useId()
  const { usedBytes, budgetBytes, purposes, growthBytesPerSecond, fullInSeconds } = memory
  const whole = usedBytes ?? purposes.reduce((sum, [, size]) => sum + size, 0)
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>Memory</h2>
      {usedBytes !== null && (
        <Meter
          label="In use"
          part={budgetBytes === null ? 0 : usedBytes / budgetBytes}
          text={budgetBytes === null ? bytes(usedBytes) : `${bytes(usedBytes)} of ${bytes(budgetBytes)}`}
        />
      )}
      {fullInSeconds !== null && (
        <p class="error">
          It grows by {bytes(growthBytesPerSecond)}/s, and would be full in {duration(fullInSeconds)}.
        </p>
      )}
      <div class="meters">
        {purposes
          .toSorted((one, other) => other[1] - one[1])
          .map(([name, size]) => (
            <Meter key={name} label={words(name)} part={whole > 0 ? size / whole : 0} text={bytes(size)} isPlain />
          ))}
      </div>
    </section>
  )
}

/** Of the time that an answer takes from the client and back. */
function within(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? '' : `, within ${seconds(ms / 1_000)}`
}

function Quality({ quality }: { quality: Status['quality'] }) {
  const id = useId()
  const all = quality === null ? 0 : quality.excellent + quality.good + quality.poor + quality.unknown
  const kinds = [
    [`Excellent${within(quality?.excellentWithinMs)}`, quality?.excellent ?? 0, 'excellent'],
    [`Good${within(quality?.goodWithinMs)}`, quality?.good ?? 0, 'fair'],
    ['Poor', quality?.poor ?? 0, 'poor'],
    ['Not measured yet', quality?.unknown ?? 0, 'unknown'],
  ] as const
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>Connection quality</h2>
      {quality === null || all === 0 ? (
        <Empty>There are no connections.</Empty>
      ) : (
        <>
          <div class="stack" aria-hidden="true">
            {kinds
              .filter(([, number]) => number > 0)
              .map(([label, number, style]) => (
                <span key={label} class={style} style={{ flexGrow: number }} />
              ))}
          </div>
          <dl class="facts">
            {kinds.map(([label, number, style]) => (
              <div key={label}>
                <dt>
                  <span class={`swatch ${style}`} aria-hidden="true" />
                  {label}
                </dt>
                <dd>
                  {count(number)} · {percent(number / all)}
                </dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </section>
  )
}

function Storage({ storage }: { storage: Status['storage'] }) {
  const id = useId()
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>
        Storage{' '}
        {storage.isWritable !== null && (
          <span class={`badge ${storage.isWritable ? 'good' : 'bad'}`}>{storage.isWritable ? 'writes' : 'does not write'}</span>
        )}
      </h2>
      <Facts facts={storage.facts} />
    </section>
  )
}

function Listed({ title, facts }: { title: string; facts: Status['cache'] }) {
  const id = useId()
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <Facts facts={facts} />
    </section>
  )
}

function Webhooks({ targets }: { targets: Status['webhooks'] }) {
  const id = useId()
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>Webhooks</h2>
      {targets.length === 0 ? <Empty>None are set.</Empty> : targets.map((facts, at) => <Facts key={at} facts={facts} />)}
    </section>
  )
}

/** Those that were met, or of which it can be said how much is used. */
function Limits({ limits }: { limits: Status['limits'] }) {
  const id = useId()
  const write = (value: number | null, unit: string) => (unit === 'bytes' ? bytes(value) : count(value))
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>Limits</h2>
      {limits.length === 0 ? (
        <Empty>The server tells no limits.</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-labelledby={id}>
          <table>
            <caption class="visually-hidden">Limits, how much of each is used, and how often it was met since the start</caption>
            <thead>
              <tr>
                <th scope="col">Limit</th>
                <th scope="col" class="number">
                  Used
                </th>
                <th scope="col" class="number">
                  Most
                </th>
                <th scope="col" class="number">
                  Times met
                </th>
              </tr>
            </thead>
            <tbody>
              {limits.map(({ name, current, max, hits, unit }) => (
                <tr key={name}>
                  <th scope="row">
                    <code>{name}</code>
                  </th>
                  <td class="number">{write(current, unit)}</td>
                  <td class="number">{max === 0 ? 'none' : `${write(max, unit)}${unit === 'bytes' ? '' : ` ${unit}`}`}</td>
                  <td class="number">{hits > 0 ? <strong>{count(hits)}</strong> : '0'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
