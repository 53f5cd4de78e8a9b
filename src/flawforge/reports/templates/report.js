// Niceties only: the page says everything without them. Click an image to see it large; copy a command.
(function () {
  "use strict";
  var dialog = document.createElement("dialog");
  if (!dialog.showModal) return;
  dialog.className = "viewer";
  dialog.setAttribute("aria-label", "Image, enlarged");
  var large = new Image(), words = document.createElement("p"), shut = document.createElement("button");
  shut.type = "button";
  shut.textContent = "Close";
  dialog.append(large, words, shut);
  document.body.append(dialog);
  var images = Array.from(document.querySelectorAll("main img")), at = 0;

  function show(index) {
    at = (index + images.length) % images.length;
    var image = images[at], box = image.closest(".near");
    large.src = image.src;
    large.alt = image.alt;
    var w = image.naturalWidth, h = image.naturalHeight;
    var zoom = Math.min((innerWidth - 32) / w, (innerHeight - 140) / h);
    if (zoom >= 1) zoom = Math.min(Math.floor(zoom), 4);
    large.width = Math.round(w * zoom);
    large.height = Math.round(h * zoom);
    words.textContent = image.alt + (box && box.matches(".real") ? " · " + box.querySelector("b").textContent + " gray levels away" : "");
    if (!dialog.open) dialog.showModal();
  }

  images.forEach(function (image, index) {
    var button = document.createElement("button");
    button.type = "button";
    button.className = "enlarge";
    button.style.cssText = image.style.cssText;
    image.style.cssText = "";
    image.replaceWith(button);
    button.append(image);
    button.addEventListener("click", function () { show(index); });
  });
  shut.addEventListener("click", function () { dialog.close(); });
  dialog.addEventListener("click", function (event) { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", function (event) {
    if (event.key === "ArrowRight") show(at + 1);
    if (event.key === "ArrowLeft") show(at - 1);
  });

  if (!navigator.clipboard) return;
  document.querySelectorAll("pre").forEach(function (block) {
    var button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(block.querySelector("code").textContent).then(function () {
        button.textContent = "Copied";
        setTimeout(function () { button.textContent = "Copy"; }, 1500);
      });
    });
    var frame = document.createElement("div");
    frame.className = "command";
    block.replaceWith(frame);
    frame.append(block, button);
  });
})();
