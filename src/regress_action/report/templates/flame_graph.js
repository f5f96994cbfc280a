"use strict";
for (const svg of document.querySelectorAll("svg.flames")) {
  const full = svg.viewBox.baseVal.width;
  const boxes = Array.from(svg.querySelectorAll("g"), (group) => {
    const rect = group.querySelector("rect"), text = group.querySelector("text");
    const name = group.querySelector("title").textContent.split(" (")[0].split(": ")[0];
    return { group, rect, text, name, x: Number(rect.getAttribute("x")), width: Number(rect.getAttribute("width")), y: Number(rect.getAttribute("y")) };
  });
  const enlarge = (chosen) => {
    const scale = full / chosen.width;
    for (const box of boxes) {
      const around = box.y < chosen.y && box.x <= chosen.x + 0.01 && box.x + box.width >= chosen.x + chosen.width - 0.01;
      const inside = box.x + box.width > chosen.x + 0.001 && box.x < chosen.x + chosen.width - 0.001 && box.y >= chosen.y;
      box.group.style.display = around || inside ? "" : "none";
      const left = around ? 0 : (box.x - chosen.x) * scale, width = around ? full : box.width * scale;
      box.rect.setAttribute("x", left);
      box.rect.setAttribute("width", width);
      box.text.setAttribute("x", left + 3);
      const letters = Math.floor((width - 6) / 6.6);
      box.text.textContent = letters < 3 ? "" : box.name.length <= letters ? box.name : box.name.slice(0, letters - 1) + "…";
    }
  };
  for (const box of boxes) box.group.addEventListener("click", () => enlarge(box));
}
