import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { dayText, hourText } from './format.ts'
import { Table } from './parts.tsx'
import { t } from './strings.ts'

export interface Series {
  readonly label: string
  readonly values: readonly number[]
  /** Dashed: of the period before. */
  readonly isPrevious?: boolean
}

interface ChartProps {
  readonly name: string
  /** Unix seconds at which the buckets begin. */
  readonly times: readonly number[]
  readonly series: readonly Series[]
  readonly format: (value: number) => string
  readonly zone: string
  /** A part was chosen by dragging, in Unix seconds. */
  readonly onZoom?: ((since: number, until: number) => void) | undefined
}

const DASHES = [[], [6, 3], [2, 2], [8, 2, 2, 2], [], [6, 3], [2, 2]]

/** Lines over time. Colours come from the theme through a probe, because a canvas cannot read CSS variables. */
export function Chart(props: ChartProps) {
  const { name, times, series, format, zone } = props
  const [isTable, setTable] = useState(false)
  const [hidden, setHidden] = useState<readonly string[]>([])
  const host = useRef<HTMLDivElement>(null)
  const shown = series.filter(({ label }) => !hidden.includes(label))
  const zoom = useRef(props.onZoom)
  zoom.current = props.onZoom

  useEffect(() => {
    const element = host.current
    if (element === null || isTable) return
    const draw = (): uPlot =>
      makePlot(element, {
        times,
        series: shown,
        all: series,
        format,
        zone,
        onZoom: (a, b) => zoom.current?.(a, b),
      })
    let plot = draw()
    const redraw = (): void => {
      plot.destroy()
      plot = draw()
    }
    const size = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }))
    size.observe(element)
    const theme = new MutationObserver(redraw)
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', redraw)
    return () => {
      size.disconnect()
      theme.disconnect()
      dark.removeEventListener('change', redraw)
      plot.destroy()
    }
  }, [JSON.stringify([times, shown, zone, isTable])])

  const max = Math.max(0, ...series.flatMap(({ values }) => values))
  const rows = times.map((time, at) => ({ time, at }))
  const toggle = (label: string): void =>
    setHidden(hidden.includes(label) ? hidden.filter((one) => one !== label) : [...hidden, label])
  return (
    <figure className="chart">
      <div className="legend">
        {series.map(({ label, isPrevious }, at) => (
          <button
            key={label}
            type="button"
            aria-pressed={!hidden.includes(label)}
            onClick={() => toggle(label)}
          >
            <svg viewBox="0 0 24 8" aria-hidden="true" className={`line c${(at % 6) + 1}`}>
              <line
                x1="0"
                x2="24"
                y1="4"
                y2="4"
                strokeDasharray={isPrevious ? '3 3' : (DASHES[at % 7] ?? []).join(' ')}
              />
            </svg>
            {label}
          </button>
        ))}
        <button type="button" className="end" onClick={() => setTable(!isTable)}>
          {isTable ? t.chart.chart : t.chart.table}
        </button>
      </div>
      {isTable ? (
        <Table
          label={name}
          keyOf={({ time }) => String(time)}
          rows={rows}
          columns={[
            { name: t.chart.from, cell: ({ time }) => `${dayText(time, zone)} ${hourText(time, zone)}` },
            ...shown.map(({ label, values }) => ({
              name: label,
              isNumber: true,
              cell: ({ at }: { at: number }) => format(values[at] ?? 0),
            })),
          ]}
        />
      ) : (
        <div ref={host} className="plot" role="img" aria-label={t.chart.summary(name, format(max))} />
      )}
    </figure>
  )
}

const HEIGHT = 240

interface Plot {
  readonly times: readonly number[]
  readonly series: readonly Series[]
  readonly all: readonly Series[]
  readonly format: (value: number) => string
  readonly zone: string
  readonly onZoom: (since: number, until: number) => void
}

function makePlot(element: HTMLElement, { times, series, all, format, zone, onZoom }: Plot): uPlot {
  const colour = (name: string): string => resolved(element, name)
  const axis = {
    stroke: colour('--text-2'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0)
  const tick = (seconds: number): string =>
    span > 2 * 86_400 ? dayText(seconds, zone) : hourText(seconds, zone)
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: true, y: false, setScale: false } },
      scales: { y: { range: (_plot, _min, max) => [0, max <= 0 ? 1 : max * 1.1] } },
      axes: [
        { ...axis, space: 70, values: (_plot, ticks) => ticks.map(tick) },
        { ...axis, size: 72, values: (_plot, ticks) => ticks.map(format) },
      ],
      series: [
        {},
        ...series.map(({ label, isPrevious }) => {
          const at = all.findIndex((one) => one.label === label)
          return {
            label,
            stroke: colour(`--chart-${(at % 6) + 1}`),
            width: 2,
            dash: isPrevious ? [3, 3] : (DASHES[at % 7] ?? []),
            points: { show: times.length < 2 },
          }
        }),
      ],
      hooks: {
        setCursor: [(plot) => readOut(plot, element, { series, format, zone })],
        setSelect: [
          (plot) => {
            if (plot.select.width < 8) return
            onZoom(
              Math.floor(plot.posToVal(plot.select.left, 'x')),
              Math.ceil(plot.posToVal(plot.select.left + plot.select.width, 'x')),
            )
          },
        ],
      },
    },
    [times as number[], ...series.map(({ values }) => values as number[])],
    element,
  )
}

function readOut(
  plot: uPlot,
  element: HTMLElement,
  { series, format, zone }: Pick<Plot, 'series' | 'format' | 'zone'>,
): void {
  const at = plot.cursor.idx
  const time = at === null || at === undefined ? undefined : plot.data[0][at]
  let box = element.querySelector('.readout')
  if (box === null) {
    box = document.createElement('div')
    box.className = 'readout'
    element.append(box)
  }
  box.textContent =
    time === undefined || at === null || at === undefined || (plot.cursor.left ?? -1) < 0
      ? ''
      : [
          `${dayText(time, zone)} ${hourText(time, zone)}`,
          ...series.map(({ label, values }) => `${label} ${format(values[at] ?? 0)}`),
        ].join(' · ')
}

function resolved(element: HTMLElement, name: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${name})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
