import { ChartFigure } from "./element.ts";

customElements.define("chart-figure", ChartFigure);
