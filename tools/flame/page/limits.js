// SPDX-License-Identifier: Apache-2.0
// How sure figures are: 95 % limits of a sum of samples, as the command has them in its tables, and whether a
// change is more than the sampling of equal programs makes.
//
// Of a sampled value the samples themselves are certain; the rest, what was passed by, is estimated. Around it
// stand the limits of Fay and Feuer (1997) for weighted sums of Poisson counts, with G(a, q) the quantile of the
// gamma distribution of shape a:
//     low  = certain + v/u G(u^2/v, 0.025)
//     high = certain + v'/u' G(u'^2/v', 0.975),   u' = u + one more sample,  v' = v + its variance
// where u is what was passed by and v its variance.

const TAIL = 0.025;
const NOISE = 1.959964;  // 95 % of the normal law

// ln gamma(x), x > 0: Stirling's series, behind the recurrence for small x.
function logGamma(x) {
  let shift = 0;
  for (; x < 10; ++x) shift -= Math.log(x);
  const square = 1 / (x * x);
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / x;
  return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}

// P(X <= x), X of the gamma distribution of that shape: a sum of positive terms.
function gammaCdf(shape, x) {
  if (x <= 0) return 0;
  let term = 1;
  let sum = 1;
  for (let n = 1; term > sum * 1e-12; ++n) sum += term *= x / (shape + n);
  return sum * Math.exp(shape * Math.log(x) - x - logGamma(shape + 1));
}

// The x with gammaCdf(shape, x) = q, for q = TAIL or 1 - TAIL.
function gammaQuantile(shape, q) {
  const spread = 1 / (9 * shape);
  const root = 1 - spread + (q < 0.5 ? -NOISE : NOISE) * Math.sqrt(spread);
  const guess = shape * Math.max(0, root) ** 3;  // Wilson and Hilferty
  if (shape > 1e4) return guess;
  let low = 0;
  let high = Math.max(2 * guess, 1);
  while (gammaCdf(shape, high) < q) high *= 2;
  for (let i = 0; i < 45; ++i) {
    const middle = (low + high) / 2;
    if (gammaCdf(shape, middle) < q) low = middle; else high = middle;
  }
  return (low + high) / 2;
}

// Sums of stacks, `size` of them side by side.
class Sums {
  constructor(size, measure) {
    const zeros = (of) => of && new Float64Array(size);
    this.measure = measure;
    this.value = new Float64Array(size);
    this.base = zeros(measure.base);
    this.variance = zeros(measure.variance);
    this.moved = zeros(measure.moved);
    this.passedBy = zeros(measure.passedBy);
    this.oneMore = zeros(measure.passedBy);
    this.oneMoreVariance = zeros(measure.passedBy);
  }

  add(id, stack) {
    const {measure} = this;
    this.value[id] += measure.value[stack];
    if (measure.base) this.base[id] += measure.base[stack];
    if (measure.variance) this.variance[id] += measure.variance[stack];
    if (measure.moved) this.moved[id] += measure.moved[stack];
    if (!measure.passedBy) return;
    this.passedBy[id] += measure.passedBy[stack];
    if (measure.oneMore[stack] > this.oneMore[id]) {
      this.oneMore[id] = measure.oneMore[stack];
      this.oneMoreVariance[id] = measure.oneMoreVariance[stack];
    }
  }

  change(id) { return this.base ? this.value[id] - this.base[id] : 0; }
  isNoise(id) { return isNoise(this.change(id), this.variance[id], this.moved[id]); }

  // {low, high}, or null where the value is not sampled.
  limits(id) {
    const value = this.value[id];
    const mean = this.passedBy ? this.passedBy[id] : 0;
    const variance = this.variance ? this.variance[id] : 0;
    if (!(mean > 0 && variance > 0 && value > 0)) return null;
    const quantile = (u, v, q) => v / u * gammaQuantile(u * u / v, q);
    const certain = value - mean;
    if (certain < 0) return null;  // a sum of values of both signs, as differences hold
    return {
      low: Math.min(value, certain + quantile(mean, variance, TAIL)),
      high: Math.max(value, certain + quantile(mean + this.oneMore[id], variance + this.oneMoreVariance[id], 1 - TAIL)),
    };
  }
}

// Whether a change is no more than sampling alone makes of equal programs: with n samples on one side and m on the
// other |n - m| - 1 <= 1.96 sqrt(n + m). For n and m up to 30 this is the exact two-sided test of the binomial
// (n + m, 1/2) but for 13 and 4, 29 and 15, which stay noise. In units of the value one sample is
// variance / moved, with `moved` what of it varies.
function isNoise(change, variance, moved) {
  if (!(variance > 0)) return change === 0;
  const size = Math.max(0, Math.abs(change) - variance / moved);
  return size * size <= NOISE * NOISE * variance;
}

// Whether so few samples stand behind a value that it may be half or double.
function isVague(value, limits) {
  return limits !== null && limits.low < value / 2 && limits.high > 2 * value;
}

// "1.1 \u2013 1.5 MiB".
function formatLimits(limits, unit) {
  if (!limits) return '';
  const low = formatValue(limits.low, unit);
  const high = formatValue(limits.high, unit);
  const space = low.lastIndexOf(' ');
  const isSame = space > 0 && low.slice(space) === high.slice(high.lastIndexOf(' '));
  return `${isSame ? low.slice(0, space) : low} \u2013 ${high}`;
}
