/** What is not as it should be, what to do about it, and which operations were slow. */
import { words } from '../facts'
import { ago, date, seconds } from '../format'
import { Empty, NoFigures } from '../parts/Notice'
import { now } from '../state/clock'
import { isAway } from '../state/feed'
import { status, statusAt } from '../state/live'
import { address } from '../state/route-address'
import type { Alert, Operation, SlowOperation } from '../status'
import { named } from '../text'

export function Alerts() {
  const current = status.value
  return (
    <>
      <div class="view-head">
        <h1>Alerts</h1>
        {isAway.value && statusAt.value !== null && <p class="error">as they were {ago(now.value - statusAt.value)}</p>}
      </div>
      {current === null ? (
        <NoFigures />
      ) : (
        <div class={isAway.value ? 'figures past' : 'figures'}>
          <section aria-label="Open alerts">
            {current.alerts.length === 0 ? (
              <Empty>Nothing is wrong: no threshold is passed, and nothing is slower than its baseline.</Empty>
            ) : (
              <ul class="cards">
                {current.alerts.map(alert => (
                  <AlertCard key={alert.name} alert={alert} />
                ))}
              </ul>
            )}
          </section>
          <Operations operations={current.operations} />
          <SlowOperations operations={current.slow} />
        </div>
      )}
    </>
  )
}

function AlertCard({ alert }: { alert: Alert }) {
  return (
    <li class={`panel alert ${alert.severity}`}>
      <h2>
        <span class={`badge ${alert.severity === 'critical' ? 'bad' : 'warn'}`}>{alert.severity}</span> {alert.title}
      </h2>
      {alert.detail !== '' && <p>{alert.detail}</p>}
      {alert.recommendation !== '' && (
        <p>
          <strong>What to do:</strong> {alert.recommendation}
        </p>
      )}
      {alert.sinceMs !== null && (
        <p class="soft">
          Since {date(alert.sinceMs)}, {ago(now.value - alert.sinceMs)}
        </p>
      )}
    </li>
  )
}

function Operations({ operations }: { operations: readonly Operation[] }) {
  if (operations.length === 0) return null
  return (
    <section aria-labelledby="operations-title">
      <h2 id="operations-title">How long things take</h2>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="operations-title">
        <table>
          <caption class="visually-hidden">
            Percentiles of each operation over the last ten seconds and five minutes, against its baseline
          </caption>
          <thead>
            <tr>
              <th scope="col">Operation</th>
              <th scope="col" class="number">
                p95, 10 s
              </th>
              <th scope="col" class="number">
                p99, 10 s
              </th>
              <th scope="col" class="number">
                p95, 5 min
              </th>
              <th scope="col" class="number">
                p99, 5 min
              </th>
              <th scope="col" class="number">
                Against baseline
              </th>
            </tr>
          </thead>
          <tbody>
            {operations.map(({ name, lately, before, changePercent, isSlower }) => (
              <tr key={name}>
                <th scope="row">{words(name)}</th>
                <td class="number">{seconds(lately.p95)}</td>
                <td class="number">{seconds(lately.p99)}</td>
                <td class="number">{seconds(before.p95)}</td>
                <td class="number">{seconds(before.p99)}</td>
                <td class="number">
                  <span class={isSlower ? 'error' : ''}>{change(changePercent)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function change(percent: number | null): string {
  return percent === null ? '–' : `${percent > 0 ? '+' : ''}${percent.toFixed(0)} %`
}

function SlowOperations({ operations }: { operations: readonly SlowOperation[] }) {
  return (
    <section aria-labelledby="slow-title">
      <h2 id="slow-title">Slow operations</h2>
      {operations.length === 0 ? (
        <Empty>No operation took longer than its threshold.</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-labelledby="slow-title">
          <table class="stacked">
            <caption class="visually-hidden">The latest operations that took longer than their threshold</caption>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Operation</th>
                <th scope="col" class="number">
                  Took
                </th>
                <th scope="col">Document</th>
                <th scope="col">Cause</th>
              </tr>
            </thead>
            <tbody>
              {operations.map((operation, at) => (
                <tr key={at}>
                  <td class="nowrap" data-label="When">
                    {operation.atMs === null ? '–' : ago(now.value - operation.atMs)}
                  </td>
                  <td data-label="Operation">{operation.operation}</td>
                  <td class="number" data-label="Took">
                    {seconds(operation.seconds)}
                  </td>
                  <td class="name whole" data-label="Document">
                    {operation.document === null ? (
                      '–'
                    ) : (
                      <a href={address({ view: 'document', name: operation.document })}>{named(operation.document)}</a>
                    )}
                  </td>
                  <td data-label="Cause">{operation.cause}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
