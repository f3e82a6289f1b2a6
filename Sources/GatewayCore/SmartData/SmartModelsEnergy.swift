// Facts of the Smart Data Models (https://smartdatamodels.org, CC BY 4.0): names, types, ranges and required
// attributes from each schema.json, units from the descriptions there. For the lines' form see `SmartModel.init`.

extension SmartModel {
  /// dataModel.Energy/ACMeasurement 0.0.1, commit 6e3d7dd59a of 2024-12-09.
  static let acMeasurement = SmartModel(
    "ACMeasurement", of: "Energy", required: ["dateObserved", "phaseType"],
    needsLocation: true,
    """
    dateObserved date
    dateObservedFrom date
    dateObservedTo date
    refDevice links
    refTargetDevice links
    phaseType word (singlePhase,threePhase)
    frequency number 0.. u:HTZ
    dateEnergyMeteringStarted date
    activeEnergyImport parts (L1,L2,L3) 0.. u:KWH
    reactiveEnergyImport parts (L1,L2,L3) 0.. u:K3
    apparentEnergyImport parts (L1,L2,L3) 0.. u:C79
    activeEnergyExport parts (L1,L2,L3) 0.. u:KWH
    reactiveEnergyExport parts (L1,L2,L3) 0.. u:K3
    apparentEnergyExport parts (L1,L2,L3) 0.. u:C79
    totalActiveEnergyImport number 0.. u:KWH
    totalReactiveEnergyImport number 0.. u:K3
    totalApparentEnergyImport number 0.. u:C79
    totalActiveEnergyExport number 0.. u:KWH
    totalReactiveEnergyExport number 0.. u:K3
    totalApparentEnergyExport number 0.. u:C79
    activePower parts (L1,L2,L3) 0.. u:WTT
    reactivePower parts (L1,L2,L3) u:D44
    apparentPower parts (L1,L2,L3) 0.. u:D46
    totalActivePower number u:WTT
    totalReactivePower number u:D44
    totalApparentPower number 0.. u:D46
    powerFactor parts (L1,L2,L3) -1..1 u:C62
    displacementPowerFactor parts (L1,L2,L3) -1..1 u:C62
    totalPowerFactor number -1..1 u:C62
    totalDisplacementPowerFactor number -1..1 u:C62
    current parts (L1,L2,L3,N) u:AMP
    phaseVoltage parts (L1,L2,L3) 0.. u:VLT
    thdVoltage parts (L1,L2,L3) 0..1 u:C62
    thdCurrent parts (L1,L2,L3) 0..1 u:C62
    phaseToPhaseVoltage parts (L12,L23,L31) 0.. u:VLT
    """)

  /// dataModel.Energy/ThreePhaseAcMeasurement 0.0.4, commit 6e3d7dd59a of 2024-12-09.
  static let threePhaseAcMeasurement = SmartModel(
    "ThreePhaseAcMeasurement", of: "Energy", required: [],
    """
    refDevice links
    refTargetDevice links
    dateEnergyMeteringStarted date
    totalActiveEnergyImport number 0.. u:KWH
    totalReactiveEnergyImport number 0.. u:K3
    totalApparentEnergyImport number 0.. u:C79
    totalActiveEnergyExport number 0.. u:KWH
    totalReactiveEnergyExport number 0.. u:K3
    totalApparentEnergyExport number 0.. u:C79
    frequency number 0.. u:HTZ
    totalActivePower number u:WTT
    totalReactivePower number u:D44
    totalApparentPower number 0.. u:D46
    activeEnergyImport parts (L1,L2,L3) 0.. u:KWH
    reactiveEnergyImport parts (L1,L2,L3) 0.. u:K3
    apparentEnergyImport parts (L1,L2,L3) 0.. u:C79
    activeEnergyExport parts (L1,L2,L3) 0.. u:KWH
    reactiveEnergyExport parts (L1,L2,L3) 0.. u:K3
    apparentEnergyExport parts (L1,L2,L3) 0.. u:C79
    activePower parts (L1,L2,L3) u:WTT
    reactivePower parts (L1,L2,L3) u:D44
    apparentPower parts (L1,L2,L3) 0.. u:D46
    totalPowerFactor number -1..1 u:C62
    powerFactor parts (L1,L2,L3) -1..1 u:C62
    totalDisplacementPowerFactor number -1..1 u:C62
    displacementPowerFactor parts (L1,L2,L3) -1..1 u:C62
    current parts (L1,L2,L3,N) u:AMP
    phaseVoltage parts (L1,L2,L3) 0.. u:VLT
    phaseToPhaseVoltage parts (L12,L23,L31) 0.. u:VLT
    thdVoltage parts (L1,L2,L3) 0..1 u:C62
    thdCurrent parts (L1,L2,L3) 0..1 u:C62
    """)
}
