// Draws the live figures over the static drawings, in the colours of the page; without it the drawings stay.
(() => {
  const source = document.getElementById("figures").textContent;
  const colours = JSON.parse(source).colours;
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    let text = source;
    for (const [tint, name] of Object.entries(colours)) {
      text = text.replaceAll(`"${tint}"`, JSON.stringify(style.getPropertyValue(name).trim()));
    }
    for (const [id, figure] of Object.entries(JSON.parse(text).figures)) {
      const box = document.getElementById(`plot-${id}`);
      box.closest("figure").classList.add("lively");
      figure.layout.font.family = style.getPropertyValue("--sans").trim();
      Plotly.react(box, figure.data, figure.layout, { displayModeBar: false, responsive: true });
    }
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
