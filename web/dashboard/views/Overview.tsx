/** How the server is, at a glance. */
import { useId } from 'preact/hooks'
import { bytes, count, duration, percent, rate, seconds } from '../format'
import { Chart, type Line } from '../parts/Chart'
import { Facts } from '../parts/Facts'
import { Meter } from '../parts/Meter'
import { Empty, Loading } from '../parts/Notice'
import { Spark } from '../parts/Spark'
import { type Series, status } from '../state/live'
import { address } from '../state/route'
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
            {now.version !== null && <>Version {now.version} · </>}up {duration(now.uptimeSeconds)}
            {now.state !== null && <> · {now.state}</>}
          </p>
        )}
      </div>
      {now === null ? <Loading what="figures" /> : <Figures now={now} />}
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
          <a href={address({ view: 'alerts', name: null })}>{now.alerts.length === 1 ? 'What to do' : `All ${now.alerts.length} alerts`}</a>
        </p>
      )}
      <section aria-label="Figures now">
        <ul class="tiles">
          <Tile label="Connections" value={count(now.connections)} series="connections">
            {now.connectionsMax !== null && `of at most ${count(now.connectionsMax)}`}
          </Tile>
          <Tile label="Sessions" value={count(now.sessions)} series="sessions" />
          <Tile label="Documents" value={count(now.documents)} series="documents">
            live
          </Tile>
          <Tile label="Updates" value={perSecond(now.updatesPerSecond)} series="updates" />
          <Tile label="Deliveries" value={perSecond(now.deliveriesPerSecond)} series="deliveries" />
          <Tile label="Sent" value={bytesPerSecond(now.sentBytesPerSecond)} series="sent">
            received {bytesPerSecond(now.receivedBytesPerSecond)}
          </Tile>
        </ul>
      </section>
      <section aria-label="Over the last five minutes" class="grid two">
        <Chart title="Acknowledgement: until it is on disk" lines={acknowledgement} format={seconds} />
        <Chart title="Delivery: until it is sent to others" lines={delivery} format={seconds} />
        <Chart title="Updates and deliveries" lines={throughput} format={perSecond} />
        <Chart title="Traffic" lines={traffic} format={bytesPerSecond} />
      </section>
      <section aria-label="Resources" class="grid three">
        <Cores loads={now.cores} />
        <Memory memory={now.memory} />
        <Quality quality={now.quality} />
        <Storage storage={now.storage} />
        <Listed title="Limits" facts={now.limits} empty="The server tells no limits." />
        <Webhooks targets={now.webhooks} />
      </section>
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

function Cores({ loads }: { loads: readonly number[] }) {
  const id = useId()
  return (
    <section class="panel" aria-labelledby={id}>
      <h3 id={id}>Cores</h3>
      {loads.length === 0 && <Empty>No core has told its load yet.</Empty>}
      <div class="meters">
        {loads.map((load, core) => (
          <Meter key={core} label={`Core ${core}`} part={load} text={percent(load)} />
        ))}
      </div>
    </section>
  )
}

function Memory({ memory }: { memory: Status['memory'] }) {
  const id = useId()
  const { usedBytes, maxBytes, purposes } = memory
  const whole = maxBytes ?? purposes.reduce((sum, [, size]) => sum + size, 0)
  return (
    <section class="panel" aria-labelledby={id}>
      <h3 id={id}>Memory</h3>
      {usedBytes !== null && (
        <Meter
          label="In use"
          part={maxBytes ? usedBytes / maxBytes : 0}
          text={maxBytes === null ? bytes(usedBytes) : `${bytes(usedBytes)} of ${bytes(maxBytes)}`}
        />
      )}
      <div class="meters">
        {purposes
          .toSorted((one, other) => other[1] - one[1])
          .map(([name, size]) => (
            <Meter
              key={name}
              label={name.replace(/_bytes$/, '').replaceAll('_', ' ')}
              part={whole > 0 ? size / whole : 0}
              text={bytes(size)}
            />
          ))}
      </div>
    </section>
  )
}

function Quality({ quality }: { quality: Status['quality'] }) {
  const id = useId()
  const all = quality === null ? 0 : quality.excellent + quality.good + quality.poor
  const kinds = [
    ['Excellent', quality?.excellent ?? 0, 'excellent'],
    ['Good', quality?.good ?? 0, 'fair'],
    ['Poor', quality?.poor ?? 0, 'poor'],
  ] as const
  return (
    <section class="panel" aria-labelledby={id}>
      <h3 id={id}>Connection quality</h3>
      {quality === null || all === 0 ? (
        <Empty>No connection has been measured yet.</Empty>
      ) : (
        <>
          <div class="stack" aria-hidden="true">
            {kinds.map(([label, number, style]) => (
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
      <h3 id={id}>
        Storage{' '}
        {storage.isWell !== null && (
          <span class={`badge ${storage.isWell ? 'good' : 'bad'}`}>{storage.isWell ? 'writes' : 'does not write'}</span>
        )}
      </h3>
      {storage.facts.length === 0 ? <Empty>The server tells nothing of its storage.</Empty> : <Facts facts={storage.facts} />}
    </section>
  )
}

function Listed({ title, facts, empty }: { title: string; facts: Status['limits']; empty: string }) {
  const id = useId()
  return (
    <section class="panel" aria-labelledby={id}>
      <h3 id={id}>{title}</h3>
      {facts.length === 0 ? <Empty>{empty}</Empty> : <Facts facts={facts} />}
    </section>
  )
}

function Webhooks({ targets }: { targets: Status['webhooks'] }) {
  const id = useId()
  return (
    <section class="panel" aria-labelledby={id}>
      <h3 id={id}>Webhooks</h3>
      {targets.length === 0 ? <Empty>None are set.</Empty> : targets.map((facts, at) => <Facts key={at} facts={facts} />)}
    </section>
  )
}
